import Control
import Glibc
import HostSystem
import Household
import Lab
import Testing
import Wire

/// The router end to end: the executable of this build in network namespaces, with real clients. One test after another,
/// for each starts a whole house.
@Suite(.serialized) enum LabTests {}

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
    let result = try lares(arguments + ["--json"])
    guard result.isSuccess else { throw LabError("lares \(arguments.joined(separator: " ")): \(result.output)") }
    return try JSON.decode(type, from: Array(result.output.utf8))
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
