import HostSystem

extension Lab {
  /// The path of a program of Tests/Lab/Tools.
  public static func tool(_ name: String) -> String { File.folderName(of: #filePath) + "/Tools/" + name }

  /// Starts somebody on the provider's side who tries every port of `addresses`, until it is stopped. Every answer of the
  /// router is a line `answer …` of its output.
  public func startProbing(_ addresses: [String], tcp: [Int], udp: [Int], log: String) throws -> LabProcess {
    try start(.provider, probe(addresses, tcp: tcp, udp: udp, seconds: 0), log: log)
  }

  /// Tries every port of `addresses` from the provider's side once, and answers what came back.
  public func probeOnce(_ addresses: [String], tcp: [Int], udp: [Int]) throws -> [String] {
    let output = try succeed(.provider, probe(addresses, tcp: tcp, udp: udp, seconds: 0.1))
    return output.split(separator: "\n").filter { $0.hasPrefix("answer") }.map { String($0.dropFirst(7)) }
  }

  private func probe(_ addresses: [String], tcp: [Int], udp: [Int], seconds: Double) -> [String] {
    [
      "python3", Self.tool("probe.py"), "isp0", "02:00:00:00:02:01", Self.list(tcp), Self.list(udp), String(seconds),
    ] + addresses
  }

  /// Listens on a host's ports, and prints `tcp PORT FROM` or `udp PORT FROM` for whoever gets through; with an interface
  /// also `seen …` for each marked packet that arrives there.
  public func startCanary(
    _ host: Host, tcp: [Int], udp: [Int], watching interface: String? = nil
  ) throws -> LabProcess {
    let canary = try start(
      host, ["python3", Self.tool("canary.py"), Self.list(tcp), Self.list(udp)] + (interface.map { [$0] } ?? []),
      log: "canary-\(host.rawValue).log")
    try wait(for: "the canary on \(host.rawValue)") { canary.output.contains("ready") }
    return canary
  }

  /// Sends packets with any source from a host; see send.py for the lines.
  public func send(_ host: Host, _ lines: [String]) throws {
    let file = folder + "/packets-\(host.rawValue)"
    try File.replace(file, with: Array(lines.map { $0 + "\n" }.joined().utf8), mode: 0o644, durable: false)
    let result = try shell(host, "python3 '\(Self.tool("send.py"))' < '\(file)'")
    guard result.isSuccess else { throw LabError("send.py: \(result.output)") }
  }

  private static func list(_ ports: [Int]) -> String { ports.map(String.init).joined(separator: ",") }
}
