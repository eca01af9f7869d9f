import Control
import HostSystem
import Testing

@Suite struct BisectTests {
  private static func text(_ number: Int) -> String {
    RunningControl.text.replacing("192.168.77.10\"", with: "192.168.77.\(20 + number)\"")
  }

  private struct Step: Encodable {
    var action: String
    var good: String?
    var bad: String?
    var window: Int?
  }

  private func step(_ router: RunningControl, _ step: Step) throws -> BisectReport {
    try router.client.send("POST", "/v1/configuration/bisect", step)
  }

  private func inForce(_ router: RunningControl) throws -> String? {
    try router.client.get("/v1/configuration", as: [String: String].self)["lares.toml"]
  }

  /// The commit that broke it is found in as few steps as halving takes, whichever it is, with windows and without.
  @Test(arguments: [(2, 60), (5, 0), (9, 60), (6, 60)]) func findsTheCommit(culprit: Int, window: Int) throws {
    let router = try RunningControl()
    for number in 2...9 { try router.commit(Self.text(number)) }
    var report = try step(router, Step(action: "start", good: "1", window: window))
    var steps = 0
    while let testing = report.testing {
      steps += 1
      #expect(try inForce(router) == Self.text(testing.number), "its files are in force")
      #expect((try router.status().provisional != nil) == (window > 0))
      let action = testing.number < culprit ? "good" : "bad"
      report = try step(router, Step(action: action, window: window))
    }
    #expect(report.found?.number == culprit)
    #expect((2...4).contains(steps))
    #expect(try inForce(router) == Self.text(9), "what was in force before comes back")
    let status = try router.status()
    #expect(status.provisional == nil && !status.candidateDiffers)
    #expect(throws: ControlError.self) { try step(router, Step(action: "good")) }
  }

  @Test func skipsResetsAndRefuses() throws {
    let router = try RunningControl()
    for number in 2...5 { try router.commit(Self.text(number)) }
    #expect(throws: ControlError.self) { try step(router, Step(action: "start")) }
    #expect(throws: ControlError.self) { try step(router, Step(action: "start", good: "5", bad: "2")) }
    var report = try step(router, Step(action: "start", good: "1"))
    while report.testing != nil { report = try step(router, Step(action: "skip")) }
    #expect(report.candidates.map(\.number) == [2, 3, 4, 5])
    report = try step(router, Step(action: "start", good: "1"))
    #expect(report.testing != nil)
    _ = try step(router, Step(action: "reset"))
    #expect(try inForce(router) == Self.text(5))
    #expect(throws: ControlError.self) { try step(router, Step(action: "status")) }
  }

  /// Somebody's own change is not undone by a search.
  @Test func anotherChangeEndsIt() throws {
    let router = try RunningControl()
    for number in 2...5 { try router.commit(Self.text(number)) }
    _ = try step(router, Step(action: "start", good: "1", window: 0))
    try router.commit(Self.text(7))
    #expect(throws: ControlError.self) { try step(router, Step(action: "good")) }
    _ = try step(router, Step(action: "reset"))
    #expect(try inForce(router) == Self.text(7))
  }
}
