import Configuration
import HostSystem
import Household
import Wire

extension ControlDaemon {
  /// Who asks, and what they may do.
  struct Caller {
    var user: UInt32?
    var name: String
    var mayChange: Bool
  }

  private func caller(of request: APIRequest) -> Caller {
    guard let user = request.peerUser else { return Caller(user: nil, name: "nobody", mayChange: false) }
    return Caller(user: user, name: ProcessIdentity.userName(user), mayChange: user == 0 || user == ownerUser)
  }

  /// Answers a request on the control socket.
  func answer(_ request: APIRequest) -> APIResponse {
    do {
      return try route(request, caller(of: request))
    } catch let error as ControlError {
      return Self.refusal(error.status, "\(error)")
    } catch let errors as ConfigurationErrors {
      return Self.refusal(422, "\(errors)")
    } catch {
      return Self.refusal(500, "\(error)")
    }
  }

  /// Answers a request on the metrics port: nothing but the metrics, and only with the token.
  func answerMetrics(_ request: APIRequest, token: SecretName) -> APIResponse {
    guard request.head.path == "/metrics" else { return Self.refusal(404, "only /metrics is served here") }
    guard let secret = try? secrets.value(of: token), !secret.isEmpty else {
      return Self.refusal(503, "the token is not set: lares secret set \(token.name)")
    }
    let given = request.head.value(of: "authorization") ?? ""
    guard Self.isEqualInConstantTime(Array(given.utf8), Array("Bearer \(secret)".utf8)) else {
      return Self.refusal(401, "a bearer token is needed")
    }
    return metricsResponse()
  }

  /// Compares without telling by its time how much was right.
  private static func isEqualInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(0 as UInt8) { $0 | $1.0 ^ $1.1 } == 0
  }

  private static func refusal(_ status: Int, _ why: String) -> APIResponse {
    let body = (try? JSON.encode(ErrorReport(error: why))) ?? []
    return APIResponse(status: status, body: body)
  }

  private func route(_ request: APIRequest, _ caller: Caller) throws -> APIResponse {
    let parts = request.head.path.split(separator: "/").map { percentDecoded($0) ?? "" }
    if parts == ["metrics"] { return metricsResponse() }
    guard parts.first == "v1" else { throw ControlError.notFound("\(request.head.path) (the API is under /v1)") }
    let method = request.head.method
    // Reading is enough to clone.
    if method != "GET", parts != ["v1", "git", "config", "upload-pack"], !caller.mayChange {
      throw ControlError.notAllowed("\(caller.name) may look but not change; be root or the owner of the configuration")
    }
    switch (method, parts.dropFirst().first, Array(parts.dropFirst(2))) {
    case ("GET", "status", []): return try json(statusReport())
    case ("GET", "devices", []): return try json(deviceReports())
    case ("GET", "leases", []):
      return try json(facts.leases.values.values.sorted { $0.address < $1.address })
    case ("GET", "firewall", []):
      return try json(FirewallReport(rules: facts.rules.values.values.sorted { $0.name < $1.name }))
    case ("GET", "firewall", ["log"]):
      let after = request.head.queryValue("after") ?? ""
      let entries = facts.firewallLog.values.filter { $0.key > after }.sorted { $0.key < $1.key }
      return try json(entries.map { LoggedDrop(key: $0.key, packet: $0.value) })
    case ("GET", "log", []):
      let answer = logKeeper.ring.answer(try LogQuery(request.head))
      return try json(LogReport(lines: answer.lines, next: answer.next.description))
    case ("GET", "dns", []): return try json(namesReport())
    case ("GET", "configuration", []): return try json(committed())
    case (_, "configuration", let rest): return try configuration(method, rest, request, caller)
    case ("POST", "git", let rest) where rest.count == 2 && rest[0] == "config":
      return try openSession(rest[1], request, caller)
    case ("POST", "restore", []): return try json(restore(body(request), by: caller.name))
    case ("POST", "push", []): return try json(push(body(request), by: caller.name))
    case (_, "devices", let rest) where rest.count == 2: return try device(method, rest[0], rest[1], request, caller)
    case (_, "secrets", let rest): return try secret(method, rest, request)
    default: throw ControlError.notFound(request.head.path)
    }
  }

  private func json(_ value: some Encodable) throws -> APIResponse {
    APIResponse(body: try JSON.encode(value) + [UInt8(ascii: "\n")])
  }

  private func body<Body: Decodable>(_ request: APIRequest, as _: Body.Type = Body.self) throws -> Body {
    do {
      return try JSON.decode(Body.self, from: request.body.isEmpty ? Array("{}".utf8) : request.body)
    } catch {
      throw ControlError.badRequest("the body is not the JSON that this call takes: \(error)")
    }
  }

  private func metricsResponse() -> APIResponse {
    let all = facts.metrics.reduce(into: logKeeper.metrics) { $0.merge($1.values) { old, _ in old } }
    return APIResponse(contentType: "text/plain; version=0.0.4", body: Array(Metrics.text(all).utf8))
  }

  // MARK: - Configuration

  private func committed() throws -> [String: String] {
    guard let head = try change.head() else { throw ControlError.nothingCommitted }
    return head.files
  }

  private func configuration(
    _ method: String, _ rest: [String], _ request: APIRequest, _ caller: Caller
  ) throws -> APIResponse {
    switch (method, rest) {
    case ("GET", ["candidate"]): return try json(candidate.read())
    case ("PATCH", ["candidate"]):
      let edit: EditRequest = try body(request)
      let before = ConfigurationText(files: try candidate.read())
      let after = try edit.value.map { try before.setting(edit.path, to: $0) } ?? before.removing(edit.path)
      try candidate.write(after.files, before: before.files)
      return try json(
        EditReport(changed: after != before, diagnostics: after.check().diagnostics.map(\.description)))
    case ("GET", ["diff"]):
      let old = try request.head.queryValue("from").map(files) ?? committed()
      let new = try request.head.queryValue("to").map(files) ?? candidate.read()
      return try json(changes(from: old, to: new))
    case ("POST", ["commit"]):
      let wanted: CommitRequest = try body(request)
      return try json(
        commit(
          wanted.files ?? candidate.read(), author: caller.name, reason: wanted.reason ?? "",
          window: window(wanted.window)))
    case ("POST", ["confirm"]):
      let number = try confirm(connectionOpened: request.connectionOpened, by: caller.name)
      return try json(ChangeReport(commit: number, changes: [], confirmWithin: nil))
    case ("POST", ["rollback"]): return try json(rollBack(body(request), by: caller.name))
    case ("POST", ["bisect"]): return try json(bisect(body(request), by: caller.name))
    case ("GET", ["bisect"]): return try json(bisect(BisectRequest(action: .status), by: caller.name))
    case ("GET", ["history"]): return try json(usingStore { try change.history.summaries() })
    case ("GET", let parts) where parts.count == 2 && parts[0] == "history":
      return try json(usingStore { try change.history.commit(change.history.number(of: parts[1])) })
    default: throw ControlError.notFound("\(method) \(request.head.path)")
    }
  }

  /// The files of a revision; `candidate` is what is edited.
  private func files(_ revision: String) throws -> [String: String] {
    try revision == "candidate" ? candidate.read() : usingStore { try change.history.files(at: revision) }
  }

  /// Zero seconds mean no window, none given the default.
  func window(_ seconds: Int?) -> Int? {
    seconds == 0 ? nil : seconds ?? ChangeControl<StoreHistory>.defaultWindow
  }

  private func rollBack(_ wanted: RollbackRequest, by author: String) throws -> ChangeReport {
    if wanted.commit == nil, change.window(now: Clock.now) != nil {
      return try endProvisional(why: "\(author) did not keep it", by: author)
    }
    let number = try wanted.commit.map { try change.history.number(of: $0.text) } ?? commitBefore()
    let target = try usingStore { try change.history.commit(number) }
    let before = try? candidate.read()
    if wanted.discard != true, let before, try before != committed(), before != target.files {
      throw ControlError.candidateDiffers
    }
    let report = try commit(
      target.files, author: author, reason: wanted.reason ?? "Back to commit \(number)",
      window: window(wanted.window), undoes: change.history.newest)
    try candidate.write(target.files, before: before ?? [:])
    return report
  }

  /// The newest commit with other files than those in force that nobody has undone.
  private func commitBefore() throws -> Int {
    let files = try committed()
    let summaries = try usingStore { try change.history.summaries() }
    let undone = Set(summaries.compactMap(\.undoes))
    for summary in summaries where !undone.contains(summary.number) {
      if try usingStore({ try change.history.commit(summary.number).files }) != files { return summary.number }
    }
    throw ControlError.nothingBefore
  }

  /// Undoes the provisional commit before its window ends.
  func endProvisional(why: String, by author: String) throws -> ChangeReport {
    let before = model
    let provisional = try change.head()
    let reverted = try usingStore { try change.revert(why: why, now: Clock.now, wall: Clock.wall) }
    guard let reverted else { throw ControlError.nothingToConfirm }
    log.notice(reverted.reason, ["commit": String(reverted.number)])
    publishHead()
    // What was edited and committed goes back with it; later edits stay.
    if let provisional, let edited = try? candidate.read(), edited == provisional.files {
      try candidate.write(reverted.files, before: edited)
    }
    let changes = try before.map { ConfigurationDiff(from: $0, to: try checked(reverted.files)).changes.map(\.words) }
    return ChangeReport(commit: reverted.number, id: reverted.id, changes: changes ?? [], confirmWithin: nil)
  }

  /// What differs between two sets of files, where both can be understood.
  private func changes(from old: [String: String], to new: [String: String]) throws -> [ConfigurationDiff.Change] {
    try ConfigurationDiff(from: ConfigurationText(files: old).parse(), to: ConfigurationText(files: new).parse())
      .changes
  }

  // MARK: - Devices and secrets

  private func device(
    _ method: String, _ name: String, _ action: String, _ request: APIRequest, _ caller: Caller
  ) throws -> APIResponse {
    guard method == "POST" else { throw ControlError.wrongMethod(request.head.path, allowed: ["POST"]) }
    guard let model, model.device(named: name) != nil else {
      throw ControlError.unknownDevice(name, nearest: nearestWord(to: name, among: (model?.devices ?? []).map(\.name)))
    }
    switch action {
    case "pause":
      let wanted: PauseRequest = try body(request)
      if let seconds = wanted.seconds, !(1...31_536_000).contains(seconds) {
        throw ControlError.badRequest("a pause lasts from one second to one year")
      }
      try pause(name, seconds: wanted.seconds, by: caller.name)
    case "resume": try resume(name, by: caller.name)
    default: throw ControlError.notFound(request.head.path)
    }
    return try json(deviceReports().filter { $0.name == name })
  }

  private func secret(_ method: String, _ rest: [String], _ request: APIRequest) throws -> APIResponse {
    switch (method, rest.count) {
    case ("GET", 0): return try json(secrets.names)
    case ("PUT", 1):
      try secrets.set(rest[0], to: body(request, as: SecretRequest.self).value)
      historyPusher.secretHasChanged(rest[0])
    case ("DELETE", 1): try secrets.remove(rest[0])
    default: throw ControlError.notFound("\(method) \(request.head.path)")
    }
    return try json(secrets.names)
  }
}
