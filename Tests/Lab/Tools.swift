import Glibc
import HostSystem
import Wire

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
      log: "canary-\(host.rawValue)\(interface.map { "-" + $0 } ?? "").log")
    try wait(for: "the canary on \(host.rawValue)") { canary.output.contains("ready") }
    return canary
  }

  /// Starts somebody on a host who sends packets with any source.
  public func startSending(_ host: Host) throws -> PacketSender {
    let lines = folder + "/packets-\(host.rawValue)"
    guard mkfifo(lines, 0o600) == 0 else { throw LabError("\(lines) cannot be made: errno \(errno)") }
    let command = "exec python3 '\(Self.tool("send.py"))' < '\(lines)'"
    let process = try start(host, ["sh", "-c", command], log: "sender-\(host.rawValue).log")
    return try PacketSender(process, reading: lines)
  }

  private static func list(_ ports: [Int]) -> String { ports.map(String.init).joined(separator: ",") }
}

/// A program on a host that sends packets as they are asked for.
public final class PacketSender {
  private let process: LabProcess
  private let path: String
  private let lines: Descriptor
  private var expected = ""

  fileprivate init(_ process: LabProcess, reading path: String) throws {
    (self.process, self.path) = (process, path)
    // Open at both ends, so that neither side waits for the other here.
    lines = try Descriptor(opening: path, O_RDWR)
  }

  /// Sends one packet for each line, as send.py has it, and returns when the last has left.
  ///
  /// - Throws: `LabError` where the host itself would not send one: that proves nothing about who else would stop it.
  public func send(_ packets: [String]) throws {
    try lines.writeAll(Array((packets.map { $0 + "\n" }.joined() + "\n").utf8), to: path)
    expected += "sent\n"
    let start = Clock.now
    while process.output.utf8.count < expected.utf8.count, process.isRunning,
      Clock.now.milliseconds(since: start) < 20_000
    {
      usleep(2_000)
    }
    guard process.output == expected else { throw LabError("send.py: \(process.output)") }
  }
}
