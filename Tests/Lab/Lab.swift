public import Glibc
public import HostSystem
import TestSupport

/// A provider and a household around a router, as network namespaces on this machine.
///
///        Internet side                      router                      household
///     ┌────────────────────┐        ┌───────────────────┐        ┌───────────────────┐
///     │ provider           │        │ router        lan0 ├────────┤ eth0       laptop │ home
///     │  isp0 203.0.113.1  ├────────┤ wan0               │        └───────────────────┘
///     │       2001:db8:0:1::1       │               lan2 ├────────┤ eth0        phone │ home
///     │  lo   198.51.100.80│        │                    │        └───────────────────┘
///     │       2001:db8:80::80       │               lan1 ├────────┤ eth0      visitor │ guest
///     └────────────────────┘        └───────────────────┘        └───────────────────┘
///
/// Every host has a network and a mount namespace of its own, with writable copies of /etc, /var and /run that are
/// gone with it. All are inside one process namespace, and its guard waits for this process: however it ends, the guard
/// ends the namespace with everything in it and removes the lab's folder. Nothing can be left behind.
///
/// Works as root, and in a user namespace where there is no root.
public final class Lab {
  /// The hosts by the names in the drawing.
  public enum Host: String, CaseIterable, Sendable {
    case provider, router, laptop, phone, visitor
  }

  /// The links of the drawing: the two hosts and their interfaces.
  static let links: [((Host, String), (Host, String))] = [
    ((.provider, "isp0"), (.router, "wan0")), ((.router, "lan0"), (.laptop, "eth0")),
    ((.router, "lan2"), (.phone, "eth0")), ((.router, "lan1"), (.visitor, "eth0")),
  ]

  /// A folder of the lab's own, seen at the same path by all hosts.
  public let folder: String

  /// Waits for the other end of `lifeline` to close, then ends the namespaces and removes the folder.
  private let guardian: ChildProcess
  /// A pipe's writing end, which only this process has.
  private var lifeline: Descriptor?
  /// The first process of the process namespace, as this machine numbers it.
  private let first: Int32
  /// Each host's anchoring process, as the lab numbers it.
  private var hosts: [Host: Int32] = [:]
  private let isRoot: Bool
  private var processes: [LabProcess] = []
  /// The provider's DHCP and DNS server, once started.
  public internal(set) var server: LabProcess?
  /// The web server, once started.
  public internal(set) var web: LabProcess?
  /// `lares run` on the router, once started.
  public internal(set) var router: LabProcess?

  /// Makes the namespaces and joins them as drawn; no address is set and nothing runs yet.
  ///
  /// - Throws: `LabError` with what the machine does not allow and what to do.
  public init() throws {
    isRoot = geteuid() == 0
    let temporary = try runCommand(["mktemp", "-d", "/tmp/lares-lab-XXXXXX"])
    folder = temporary.output.filter { $0 != "\n" }
    // Hosts and daemons with other user ids go through this folder to files of their own.
    chmod(folder, 0o755)
    let pipe = try Pipe()
    guardian = try ChildProcess(
      Self.guardianCommand(isRoot: isRoot, folder: folder), descriptors: [pipe.reading.number])
    lifeline = pipe.keepingWriting()
    first = try Self.firstProcess(below: guardian, log: folder + "/lab.log")
    for host in Host.allCases { hosts[host] = try anchorHost(host) }
    for ((a, aName), (b, bName)) in Self.links {
      try expect(
        inLab(["ip", "link", "add", aName, "netns", pid(a), "type", "veth", "peer", "name", bName, "netns", pid(b)]))
    }
    try giveHardwareAddresses()
  }

  deinit { close() }

  /// Ends every process of the lab and removes its folder.
  public func close() {
    if lifeline == nil { return }
    for process in processes { process.stop(SIGKILL) }
    processes.removeAll()
    lifeline = nil
    _ = try? guardian.wait()
  }

  // MARK: - Commands

  /// Runs a program on a host to its end.
  @discardableResult
  public func run(_ host: Host, _ command: [String], environment: [String: String]? = nil) throws -> CommandResult {
    try runCommand(onHost(host, command), environment: environment.map(Self.withPath))
  }

  /// Runs a shell line on a host.
  @discardableResult
  public func shell(_ host: Host, _ line: String) throws -> CommandResult { try run(host, ["sh", "-c", line]) }

  /// Runs a program on a host and throws, with its output, unless it succeeds.
  @discardableResult
  public func succeed(_ host: Host, _ command: [String]) throws -> String {
    try expect(run(host, command), command)
  }

  /// Starts a program on a host that goes on until it is stopped. Its output goes to a file in `folder`.
  public func start(_ host: Host, _ command: [String], log: String) throws -> LabProcess {
    let process = try LabProcess(onHost(host, command), log: folder + "/" + log)
    processes.append(process)
    return process
  }

  /// The command that runs `command` on a host, for programs that want the terminal.
  public func onHost(_ host: Host, _ command: [String]) -> [String] {
    let enter = [
      "nsenter", "--target", pid(host), "--mount", "--net", "--uts", "--", "setpriv", "--pdeathsig", "KILL", "--",
    ]
    return inLabCommand(enter + command)
  }

  private func pid(_ host: Host) -> String { String(hosts[host]!) }

  private func inLabCommand(_ command: [String]) -> [String] {
    let user = isRoot ? [] : ["--user", "--preserve-credentials"]
    return ["nsenter", "--target", String(first)] + user + ["--net", "--mount", "--pid", "--"] + command
  }

  private func inLab(_ command: [String]) throws -> CommandResult { try runCommand(inLabCommand(command)) }

  @discardableResult
  private func expect(_ result: CommandResult, _ command: [String] = []) throws -> String {
    guard result.isSuccess else { throw LabError("\(command.joined(separator: " ")) failed: \(result.output)") }
    return result.output
  }

  private static func withPath(_ environment: [String: String]) -> [String: String] {
    ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"].merging(environment) { $1 }
  }

  // MARK: - Making the namespaces

  private static func guardianCommand(isRoot: Bool, folder: String) -> [String] {
    let user = isRoot ? "" : "--user --map-root-user "
    return [
      "sh", "-c",
      """
      trap '' HUP INT TERM
      setpriv --pdeathsig KILL unshare \(user)--net --mount --pid --fork --kill-child --mount-proc \
        sh -c 'echo ready; sleep infinity & wait' >\(folder)/lab.log 2>&1 &
      read end
      kill -KILL $! && wait
      rm -rf \(folder) || { sleep 1; rm -rf \(folder); }
      """,
    ]
  }

  private static func firstProcess(below guardian: ChildProcess, log: String) throws -> Int32 {
    for _ in 0..<500 {
      if let bytes = try? File.read(log), String(decoding: bytes, as: UTF8.self).contains("ready"),
        let maker = childProcesses(of: guardian.identifier).first, let first = childProcesses(of: maker).first
      {
        return first
      }
      if try guardian.poll() != nil { break }
      usleep(10_000)
    }
    throw LabError(
      "this machine does not let the lab make network namespaces: run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    )
  }

  /// Starts a process that holds a host's namespaces, with writable copies of the folders that clients write to.
  private func anchorHost(_ host: Host) throws -> Int32 {
    let options = isRoot ? "" : ",userxattr"
    let script = """
      hostname \(host.rawValue)
      mount -t tmpfs tmpfs /run
      for d in etc var; do
        mkdir -p /run/.lab/$d /run/.lab/$d-work
        mount -t overlay overlay -o lowerdir=/$d,upperdir=/run/.lab/$d,workdir=/run/.lab/$d-work\(options) /$d
      done
      mount -t sysfs -o ro sysfs /sys
      mkdir -p /run/lock /var/lib/dhcp /var/run
      rm -f /etc/resolv.conf && : > /etc/resolv.conf
      ip link set lo up
      exec >/dev/null 2>&1 </dev/null
      exec sleep infinity
      """
    let start = "unshare --net --mount --uts sh -ec '\(script)' >>\(folder)/\(host.rawValue).anchor 2>&1 & echo $!"
    let output = try expect(inLab(["sh", "-c", start]))
    guard let process = Int32(output.filter(\.isNumber)) else { throw LabError("host \(host.rawValue): \(output)") }
    for _ in 0..<500 {
      let name = try inLab(["cat", "/proc/\(process)/comm"])
      guard name.isSuccess else { break }
      if name.output.hasPrefix("sleep") { return process }
      usleep(5_000)
    }
    let log = (try? File.read("\(folder)/\(host.rawValue).anchor")).map { String(decoding: $0, as: UTF8.self) } ?? ""
    throw LabError("host \(host.rawValue) could not be made: \(log)")
  }

  /// Addresses that say whose they are, and stay the same from run to run.
  private func giveHardwareAddresses() throws {
    let addresses: [(Host, String, String)] = [
      (.provider, "isp0", "02:00:00:00:01:01"), (.router, "wan0", "02:00:00:00:02:01"),
      (.router, "lan0", "02:00:00:00:02:02"), (.router, "lan1", "02:00:00:00:02:03"),
      (.router, "lan2", "02:00:00:00:02:04"), (.laptop, "eth0", "02:00:00:00:00:10"),
      (.phone, "eth0", "02:00:00:00:00:11"), (.visitor, "eth0", "02:00:00:00:00:20"),
    ]
    for (host, interface, address) in addresses {
      try succeed(host, ["ip", "link", "set", interface, "address", address])
    }
  }
}

/// What keeps the lab from doing its work, in words.
public struct LabError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A program that runs on a host until it is stopped.
public final class LabProcess {
  private let child: ChildProcess
  private let log: String
  private var ending: ChildProcess.Ending?

  init(_ command: [String], log: String) throws {
    self.log = log
    let output = try Descriptor(opening: log, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
    let null = try Descriptor(opening: "/dev/null", O_RDONLY)
    child = try ChildProcess(command, descriptors: [null.number, output.number, output.number])
  }

  deinit { stop(SIGKILL) }

  /// What it has written so far.
  public var output: String { (try? File.read(log)).map { String(decoding: $0, as: UTF8.self) } ?? "" }

  /// The program's process, as this machine numbers it; nil when it has ended.
  public var program: Int32? { childProcesses(of: child.identifier).first }

  public var isRunning: Bool {
    if ending == nil { ending = try? child.poll() }
    return ending == nil
  }

  /// Sends a signal to the program itself.
  public func send(_ signal: Int32) {
    for process in childProcesses(of: child.identifier) { kill(process, signal) }
  }

  /// Sends a signal and waits until the program has ended.
  @discardableResult
  public func stop(_ signal: Int32 = SIGTERM) -> ChildProcess.Ending? {
    if isRunning {
      send(signal)
      if !eventually(within: .seconds(10), { !isRunning }) {
        send(SIGKILL)
        child.send(SIGKILL)
        ending = try? child.wait()
      }
    }
    return ending
  }
}

/// The direct children of a process.
public func childProcesses(of process: Int32) -> [Int32] {
  File.list("/proc").compactMap(Int32.init).filter { candidate in
    guard let bytes = try? File.read("/proc/\(candidate)/stat") else { return false }
    // The second field is a name in parentheses that may hold anything.
    let rest = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
    return rest.map { $0.count > 1 && $0[1] == String(process) } ?? false
  }
}
