import Glibc
import HostSystem
import Lab
import TestSupport
import Testing

extension LabTests {
  /// The lab itself.
  @Suite struct TopologyTests {
    @Test func hostsSeeEachOtherAsDrawn() throws {
      let lab = try Lab()
      defer { lab.close() }
      try lab.succeed(.provider, ["ip", "addr", "add", "203.0.113.1/24", "dev", "isp0"])
      try lab.succeed(.provider, ["ip", "link", "set", "isp0", "up"])
      try lab.succeed(.router, ["ip", "addr", "add", "203.0.113.2/24", "dev", "wan0"])
      try lab.succeed(.router, ["ip", "link", "set", "wan0", "up"])
      let ping = try lab.run(.router, ["ping", "-c1", "-W2", "203.0.113.1"])
      #expect(ping.isSuccess, "\(ping.output)")
      #expect(try lab.shell(.laptop, "ip -o link show eth0").output.contains("02:00:00:00:00:10"))
      #expect(try lab.shell(.laptop, "echo x > /etc/resolv.conf && cat /etc/resolv.conf").output == "x\n")
      #expect(try lab.shell(.phone, "cat /etc/resolv.conf").output == "")
    }

    /// Everything of the lab is in a process namespace that ends with it: no process means no namespace either.
    @Test func nothingIsLeftBehind() throws {
      var processes: [Int32] = []
      var folder = ""
      try Lab.withRouter { lab in
        folder = lab.folder
        try lab.lease(.phone, with: .udhcpc)
        processes = [lab.router, lab.server, lab.web].compactMap { $0?.program }
        processes += Lab.Daemon.allCases.compactMap { lab.process(of: $0) }
        #expect(processes.count == 7)
      }
      #expect(eventually { !processes.contains { kill($0, 0) == 0 } })
      #expect(access(folder, F_OK) != 0, "\(folder) is still there")
      let mounts = String(decoding: try File.read("/proc/self/mounts"), as: UTF8.self)
      #expect(!mounts.contains(folder))
    }

    /// The same when the program that made the lab is killed.
    @Test func aKilledLabLeavesNothingBehind() throws {
      let tool = File.folderName(of: Lab.executable) + "/lares-lab"
      let output = try Descriptor(opening: "/dev/null", O_WRONLY)
      let child = try ChildProcess([tool, "run"], descriptors: [nil, output.number, output.number])
      var below: [Int32] = []
      let hasBegun = eventually {
        below = descendants(of: child.identifier)
        return below.count >= 4
      }
      #expect(hasBegun)
      let folders = File.list("/tmp").filter { $0.hasPrefix("lares-lab-") && owner("/tmp/" + $0, isAmong: below) }
      #expect(folders.count == 1)
      child.send(SIGKILL)
      _ = try child.wait()
      #expect(eventually { !folders.contains { access("/tmp/" + $0, F_OK) == 0 } })
      #expect(eventually { !below.contains { kill($0, 0) == 0 } })
    }

    /// The whole of `make run` by somebody who is not root, in a user namespace where the kernel allows one.
    @Test(.enabled(if: UnprivilegedLab.isPossible)) func worksWithoutRoot() throws {
      let tool = File.folderName(of: Lab.executable) + "/lares-lab"
      let folder = try TemporaryFolder()
      let output = try Descriptor(opening: "\(folder.path)/output", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
      let child = try ChildProcess(
        UnprivilegedLab.asNobody + ["timeout", "--kill-after=10", "180", tool, "run"],
        descriptors: [nil, output.number, output.number])
      func text() throws -> String { String(decoding: try File.read("\(folder.path)/output"), as: UTF8.self) }
      // Ctrl-C once it has shown everything.
      var ending = try child.poll()
      while ending == nil, try !text().contains("LARES_RUN=") {
        usleep(100_000)
        ending = try child.poll()
      }
      if ending == nil { child.send(SIGINT) }
      let ended = try ending ?? child.wait()
      let text = try text()
      #expect(ended == .exited(0), "\(text)")
      for host in ["laptop  ", "phone   ", "visitor "] {
        #expect(text.contains("\(host) page    http://www.example/ says: Hello"), "\(text)")
      }
      #expect(text.contains("runs as the same user as the other daemons"), "\(text)")
    }

    private func descendants(of process: Int32) -> [Int32] {
      let children = childProcesses(of: process)
      return children + children.flatMap { descendants(of: $0) }
    }

    /// Whether one of the processes names the folder in its arguments.
    private func owner(_ folder: String, isAmong processes: [Int32]) -> Bool {
      processes.contains { process in
        let line = (try? File.read("/proc/\(process)/cmdline")) ?? []
        return String(decoding: line, as: UTF8.self).contains(folder)
      }
    }
  }
}

/// Running as a user without rights: as who runs the tests, or as nobody where that is root.
private enum UnprivilegedLab {
  static let asNobody =
    geteuid() == 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"] : []

  static let isPossible: Bool = {
    let attempt = asNobody + ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "true"]
    let sees = asNobody + ["test", "-x", Lab.executable]
    return [attempt, sees].allSatisfy { (try? runCommand($0))?.isSuccess ?? false }
  }()
}
