import Control
import Glibc
import HostSystem
import Household
import Lab
import Testing
import Wire

/// The router end to end: the executable of this build in network namespaces, with real clients. Few tests at a time, for
/// each starts a whole house.
@Suite(.waiting(atATime: 2)) enum LabTests {}

extension Lab {
  /// Runs `body` in a lab whose router has its uplink and serves the household.
  static func withRouter(_ configuration: String = Lab.configuration, _ body: (Lab) throws -> Void) throws {
    let lab = try Lab()
    defer { lab.close() }
    try lab.startProvider()
    try lab.configure(configuration)
    try lab.startRouter()
    try lab.waitForRouter()
    try body(lab)
  }

  /// The answer of `lares … --json`.
  func json<Answer: Decodable>(_ type: Answer.Type, _ arguments: String...) throws -> Answer {
    try json(type, arguments: arguments)
  }

  func json<Answer: Decodable>(_ type: Answer.Type, arguments: [String]) throws -> Answer {
    let result = try lares(arguments + ["--json"])
    guard result.isSuccess else { throw LabError("lares \(arguments.joined(separator: " ")): \(result.output)") }
    return try JSON.decode(type, from: Array(result.output.utf8))
  }

  /// The router's interfaces and their addresses, without what the kernel does by itself when it pleases: link-local
  /// addresses, and whether a link is up.
  func configuredAddresses() throws -> [String] {
    let list = try succeed(.router, ["ip", "-brief", "address", "show", "scope", "global"])
    return list.split(separator: "\n").map { line in
      let words = line.split(separator: " ")
      return "\(words[0]) \(words.dropFirst(2).sorted())"
    }
  }

  func status() throws -> StatusReport { try json(StatusReport.self, "status") }

  /// The lease of the host with this hardware address.
  func lease(of hardware: String) throws -> Lease? {
    try json([Lease].self, "leases").first { $0.hardware.description == hardware }
  }

  /// Replaces lares.toml and commits it, kept at once unless told otherwise.
  @discardableResult
  func commit(_ configuration: String, _ options: String...) throws -> CommandResult {
    try configure(configuration)
    return try lares(["commit"] + (options.isEmpty ? ["--now"] : options))
  }
}
