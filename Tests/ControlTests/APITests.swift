import Control
import Glibc
import HostSystem
import Household
import TestSupport
import Testing

/// The API over its socket, with the real daemon on a thread of its own and nobody to apply commits.
@Suite struct APITests {
  private struct Edit: Encodable {
    var path: String
    var value: String?
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  @Test func aChangeTravelsAndComesBack() throws {
    let router = try RunningControl()
    let client = router.client
    let edit: EditReport = try client.send(
      "PATCH", "/v1/configuration/candidate", Edit(path: "device.nas.address", value: "192.168.77.11"))
    #expect(edit.changed)
    #expect(try client.get("/v1/status", as: StatusReport.self).candidateDiffers)
    let change: ChangeReport = try client.send("POST", "/v1/configuration/commit", ["reason": "move the nas"])
    #expect(change.commit == 2)
    #expect(change.changes == ["device nas: address 192.168.77.10 → 192.168.77.11"])
    #expect(change.confirmWithin == 120)
    let second = refusal {
      _ = try client.send("POST", "/v1/configuration/commit", ["reason": "again"], as: ChangeReport.self)
    }
    #expect(second.contains("provisional for another"))
    let confirmed: ChangeReport = try client.send("POST", "/v1/configuration/confirm", [String: String]())
    #expect(confirmed.commit == 2)
    struct Rollback: Encodable { var commit: Int }
    let back: ChangeReport = try client.send("POST", "/v1/configuration/rollback", Rollback(commit: 1))
    #expect(back.commit == 3)
    let files = try client.get("/v1/configuration", as: [String: String].self)
    #expect(files == ["lares.toml": RunningControl.text], "comments and order come back with the rest")
    let history = try client.get("/v1/configuration/history", as: [CommitSummary].self)
    #expect(history.map(\.number) == [3, 2, 1])
    #expect(history.first?.undoes == 2)
  }

  @Test func aWrongConfigurationIsRefusedAndChangesNothing() throws {
    let router = try RunningControl()
    let edit: EditReport = try router.client.send(
      "PATCH", "/v1/configuration/candidate", Edit(path: "device.nas.address", value: "10.0.0.1"))
    #expect(!edit.diagnostics.isEmpty)
    let answer = refusal {
      _ = try router.client.send("POST", "/v1/configuration/commit", ["reason": ""], as: ChangeReport.self)
    }
    #expect(answer.contains("lares.toml:11"), "\(answer)")
    #expect(
      try router.client.get("/v1/configuration", as: [String: String].self) == ["lares.toml": RunningControl.text])
  }

  /// Clients that ask for more than they take, and go: others are served, and control lives on.
  @Test func whoTakesNoAnswersBlocksNobody() throws {
    let router = try RunningControl()
    let loop = try EventLoop()
    let questions = Array(String(repeating: "GET /v1/configuration HTTP/1.1\r\n\r\n", count: 2_000).utf8)
    for _ in 0..<20 {
      let greedy = try StreamSocket(connectingTo: router.folder.folders.controlSocket, kind: .bytes, loop: loop)
      var asked = 0
      for _ in 0..<20 { asked += greedy.write(questions) ?? 0 }
      #expect(asked > 0)
      #expect(try router.client.get("/v1/status", as: StatusReport.self).commit?.number == 1)
      greedy.close()
    }
    #expect(try router.client.get("/v1/status", as: StatusReport.self).commit?.number == 1)
  }

  @Test func pausesNameDevicesOnly() throws {
    let router = try RunningControl()
    struct Pause: Encodable { var seconds: Int? }
    let paused: [DeviceReport] = try router.client.send("POST", "/v1/devices/nas/pause", Pause(seconds: 60))
    #expect(paused.map(\.isPaused) == [true])
    let answer = refusal {
      _ = try router.client.send("POST", "/v1/devices/nsa/pause", Pause(), as: [DeviceReport].self)
    }
    #expect(answer.contains("did you mean \"nas\"?"))
    let resumed: [DeviceReport] = try router.client.send("POST", "/v1/devices/nas/resume", Pause())
    #expect(resumed.map(\.isPaused) == [false])
    let again = refusal {
      _ = try router.client.send("POST", "/v1/devices/nas/resume", Pause(), as: [DeviceReport].self)
    }
    #expect(again == "nas is not paused")
  }

  @Test func linesOfTheLogAreTakenAndFound() throws {
    let router = try RunningControl()
    let folders = router.folder.folders
    let log = Log(daemon: "names", folders: folders)
    log.info("a lease ended", ["name": "phone"])
    log.debug("not written")
    log.passing("not kept")
    Log(daemon: "network", folders: folders).warning("wan0 is away")
    let other = try DatagramSender(to: .unix(path: folders.logSocket))
    for bytes in [[], Array("{}".utf8), [0xff], [UInt8](repeating: 0x20, count: 100_000)] { try other.send(bytes) }
    Log(daemon: "names", folders: folders).error("the last")
    func lines(_ query: String) throws -> [String] {
      try router.client.get("/v1/log?\(query)", as: LogReport.self).lines.map { "\($0.daemon): \($0.message)" }
    }
    #expect(try eventually { try !lines("text=the%20last").isEmpty })
    #expect(try lines("daemon=names") == ["names: a lease ended", "names: the last"])
    #expect(try lines("level=warning") == ["network: wan0 is away", "names: the last"])
    #expect(try lines("text=NAME%3DPHONE") == ["names: a lease ended"])
    let metrics = String(decoding: try router.client.exchange("GET", "/metrics", body: []), as: UTF8.self)
    #expect(metrics.contains("\nlares_log_refused_total 4\n"), "\(metrics)")
    #expect(try runCommand(["stat", "-c", "%a", folders.logSocket]).output == "660\n")
  }

  @Test func whatNobodyTakesWaitsAndThenIsCounted() throws {
    let folder = try TemporaryFolder()
    let folders = folder.folders
    try File.makeFolder(File.folderName(of: folders.logSocket))
    let log = Log(daemon: "names", folders: folders)
    for number in 0..<100 { log.info("line \(number)") }
    let loop = try EventLoop()
    var heard: [LogLine] = []
    let listener = try DatagramListener(
      path: folders.logSocket, mode: 0o600, limit: LogLine.byteLimit, loop: loop
    ) { received in
      if case .datagram(let bytes) = received, let line = LogLine(parsing: bytes) { heard.append(line) }
      log.flush()
    }
    log.flush()
    let hasHeard = try eventually(every: .zero) {
      try loop.runOnce(limitMilliseconds: 100)
      return heard.count >= 64
    }
    #expect(hasHeard)
    withExtendedLifetime(listener) {}
    #expect(heard.map(\.message) == (36..<100).map { "line \($0)" })
    #expect(heard.map { $0.lost ?? 0 }.reduce(0, +) == 36)
  }

  @Test func secretsGoInAndNeverComeOut() throws {
    let router = try RunningControl()
    struct Secret: Encodable { var value = "hunter2-planted" }
    let names: [String] = try router.client.send("PUT", "/v1/secrets/metrics", Secret())
    #expect(names == ["metrics"])
    #expect(
      refusal { _ = try router.client.send("PUT", "/v1/secrets/..%2Fx", Secret(), as: [String].self) }.contains(
        "cannot name"))
    let found = try runCommand(["grep", "-rl", "hunter2-planted", router.folder.path])
    let path = router.folder.folders.state + "/control/secrets/metrics"
    #expect(found.output == path + "\n")
    #expect(try runCommand(["stat", "-c", "%a", path]).output == "600\n")
    for target in ["/v1/status", "/v1/secrets", "/v1/configuration", "/v1/log", "/metrics"] {
      let answer = try router.client.exchange("GET", target, body: [])
      #expect(!String(decoding: answer, as: UTF8.self).contains("hunter2"))
    }
  }

  @Test(arguments: [
    ("GET", "/"), ("GET", "/v1/nothing"), ("GET", "/v1/log?level=loud"), ("POST", "/v1/status"),
    ("GET", "/v1/configuration/history/x"),
    ("GET", "/v1/configuration/history/99"), ("POST", "/v1/configuration/commit"),
    ("PATCH", "/v1/configuration/candidate"),
  ])
  func badCallsAreRefusedWithASentence(method: String, target: String) throws {
    let router = try RunningControl()
    let answer = refusal { _ = try router.client.exchange(method, target, body: Array("[]".utf8)) }
    #expect(answer != "accepted" && !answer.hasPrefix("the API answered"), "\(answer)")
  }

  @Test func withoutAValidFileNothingIsInForceAndItSaysSo() throws {
    let router = try RunningControl("[household\n")
    let report = try router.client.get("/v1/status", as: StatusReport.self)
    #expect(report.commit == nil)
    #expect(report.problems.contains { $0.contains("no configuration is in force") })
  }
}
