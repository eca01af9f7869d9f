import Glibc
import HostSystem
import Lab

/// `lares-lab run` serves three clients in the lab and goes on until Ctrl-C; `lares-lab shell` gives a shell in it.
@main
struct LabCommand {
  static func main() {
    do {
      switch CommandLine.arguments.dropFirst().first {
      case "run": try Self.run()
      case "shell": try Self.shell()
      default:
        say("usage: lares-lab run | shell")
        exit(64)
      }
    } catch {
      say("The lab cannot go on: \(error)")
      exit(1)
    }
  }

  private static func run() throws {
    let loop = try EventLoop()
    var isOver = false
    try loop.handleSignals([SIGINT, SIGTERM, SIGHUP]) { _ in
      isOver = true
      loop.stop()
    }
    let lab = try Lab()
    defer { lab.close() }
    try start(lab)
    let clients: [(Lab.Host, DHCPClientProgram)] = [(.laptop, .dhclient), (.phone, .udhcpc), (.visitor, .dhcpcd)]
    for (host, client) in clients {
      try serve(lab, host, client)
      try loop.runOnce(limitMilliseconds: 0)
      if isOver { return }
    }
    say("\n\(try lab.lares("status").output)")
    say("The router runs in the lab until Ctrl-C. Talk to it from another terminal:")
    say("  LARES_RUN=\(lab.runFolder) \(Lab.executable) status")
    try loop.run()
  }

  /// Brings up provider and router, and prints the router's addresses.
  private static func start(_ lab: Lab) throws {
    say("Starting a provider and a router in network namespaces …")
    try lab.startProvider()
    try lab.configure()
    try lab.startRouter()
    try lab.waitForRouter()
    say("router   uplink wan0 \(try lab.uplinkAddress ?? "?"), home 192.168.77.1, guest 192.168.78.1")
  }

  /// Gets a lease, resolves a name and fetches a page on one host, and shows each.
  private static func serve(_ lab: Lab, _ host: Lab.Host, _ client: DHCPClientProgram) throws {
    try lab.lease(host, with: client)
    let name = host.rawValue + String(repeating: " ", count: 8 - host.rawValue.count)
    say("\(name) lease   \(client.rawValue) got \(try lab.address(of: host) ?? "nothing")")
    let answer = try lab.run(host, ["dig", "+short", "+time=2", "+tries=3", Lab.webName]).output
    say("\(name) name    \(Lab.webName) is \(answer.split(separator: "\n").joined(separator: ", "))")
    let page = try lab.run(host, ["curl", "-sS", "--max-time", "10", "http://\(Lab.webName)/"]).output
    say("\(name) page    http://\(Lab.webName)/ says: \(page.filter { $0 != "\n" })")
    guard page == Lab.webPage else {
      throw LabError("\(host.rawValue) did not get the page\n\(lab.router?.output ?? "")")
    }
  }

  private static func shell() throws {
    let lab = try Lab()
    defer { lab.close() }
    try start(lab)
    say("This is a shell on the router. Run something on another host like this:")
    for host in Lab.Host.allCases where host != .router {
      say("  \(host.rawValue): \(lab.onHost(host, ["sh"]).joined(separator: " "))")
    }
    let child = try ChildProcess(
      lab.onHost(
        .router,
        [
          "env", "LARES_RUN=\(lab.runFolder)",
          "PATH=\(File.folderName(of: Lab.executable)):/usr/sbin:/usr/bin:/sbin:/bin", "bash",
        ]), isForeground: true)
    _ = try child.wait()
  }
}

/// Prints a line at once, also into a pipe.
private func say(_ line: String) {
  print(line)
  fflush(nil)
}
