import Configuration
import GitFormat
public import HostSystem
import StoreSync
import Synchronization
import VersionedStore

/// One Git client of the configuration's store, in a process of its own: it reads what the client sends, and asks control
/// about every push to main. Only control moves that branch.
public struct StoreSession {
  private let backend: GitBackend
  private let service: Service
  private let version: ProtocolVersion
  private let control: ControlClient
  private let person: Signature

  /// - Parameters:
  ///   - service: `upload-pack` or `receive-pack`.
  ///   - store: the repository's folder.
  ///   - person: who is at the other end; stands in the reflog.
  ///   - parameters: what the client asked for in GIT_PROTOCOL.
  ///   - control: asks in that person's name.
  public init(
    service: String, store: String, person: String, parameters: String, control: ControlClient
  ) throws {
    guard let service = Service(rawValue: "git-" + service) else { throw ControlError.notFound("service \(service)") }
    self.service = service
    self.control = control
    backend = try GitBackend(opening: store)
    version = ProtocolVersion(asked: parameters)
    self.person = Signature(person: person)
  }

  /// A configuration is small, whatever its history.
  private static var limits: ReceiveLimits {
    var limits = ReceiveLimits()
    (limits.packBytes, limits.unpackedBytes, limits.objectBytes) = (64 << 20, 512 << 20, 16 << 20)
    (limits.objects, limits.references) = (200_000, 1_000)
    return limits
  }

  /// Serves until the client has what it wanted.
  ///
  /// - Throws: what went wrong, after the client was told.
  public func serve(_ client: consuming Descriptor) throws {
    let stream = DescriptorStream(socket: client)
    var policy = ServerPolicy(person: person, now: { Clock.wall })
    policy.limits = Self.limits
    switch service {
    case .uploadPack: try serveUploadPack(backend, stream, policy, version: version)
    case .receivePack:
      let push = PushToControl(backend, control, policy.person)
      policy.mayRewind = { $0 != ConfigurationStore.main }
      policy.check = { (pushed) throws(StoreError) in try push.check(pushed) }
      policy.afterwards = { _ in push.words }
      try serveReceivePack(push, stream, policy, version: version)
    }
  }
}

/// The store as a pushing client changes it: what concerns main goes through control.
private final class PushToControl: Backend {
  private let backend: GitBackend
  private let control: ControlClient
  private let person: Signature
  private struct State {
    var window: Int?
    var words: [String] = []
  }
  private let state = Mutex(State())

  init(_ backend: GitBackend, _ control: ControlClient, _ person: Signature) {
    self.backend = backend
    self.control = control
    self.person = person
  }

  /// What the pusher is told when all is done.
  var words: [String] { state.withLock(\.words) }

  /// Has control look at the files of a push to main before anything is stored. No branch may bring a secret, for the
  /// history would keep it.
  func check(_ push: Push) throws(StoreError) -> [RefName: PushRefusal] {
    var refusals: [RefName: PushRefusal] = [:]
    for change in push.changes {
      if let tip = change.new { refusals[change.name] = try refuseSecrets(upTo: tip, in: push.objects) }
    }
    if refusals[ConfigurationStore.main] == nil { try refusals.merge(checkMain(push)) { first, _ in first } }
    return refusals
  }

  /// Looks for secrets in every commit that would be new here.
  private func refuseSecrets(upTo tip: ObjectID, in objects: any ObjectReader) throws(StoreError) -> PushRefusal? {
    var open = [tip]
    var seen: Set<ObjectID> = []
    while let id = open.popLast() {
      guard seen.insert(id).inserted, try !backend.contains(id) else { continue }
      let object = try objects.object(id)
      switch object.kind {
      case .tag: if let tag = try? TagObject(object.bytes, objects.format) { open.append(tag.object) }
      case .commit:
        let commit = try VersionedStore.Commit(id, in: objects)
        open += commit.parents
        // What cannot be read as a configuration has no place for secrets.
        guard let files = try? ConfigurationTree.files(of: commit.tree) else { continue }
        let found = ConfigurationText(files: files).plainSecrets
        guard found.isEmpty else {
          return PushRefusal(
            "commit \(id.hex.prefix(12)) has a secret in it: take it out of that commit too (git rebase -i)",
            details: found.map(\.description))
        }
      case .tree, .blob: break
      }
    }
    return nil
  }

  private func checkMain(_ push: Push) throws(StoreError) -> [RefName: PushRefusal] {
    do {
      try take(push.options)
      for change in push.changes where change.name == ConfigurationStore.main {
        guard let tip = change.new else { continue }
        let files = try ConfigurationTree.files(of: VersionedStore.Commit(tip, in: push.objects).tree)
        let _: ChangeReport = try control.send(
          "POST", "/v1/push", PushRequest(commit: tip.hex, files: files, window: state.withLock(\.window)))
      }
      return [:]
    } catch let error as StoreError {
      throw error
    } catch {
      let lines = "\(error)".split(separator: "\n").map(String.init)
      let reason = lines.count == 1 ? lines[0] : "the configuration has \(lines.count) mistakes"
      return [ConfigurationStore.main: PushRefusal(reason, details: lines)]
    }
  }

  /// `-o confirm=SECONDS`, `-o now`.
  private func take(_ options: [String]) throws {
    for option in options {
      if option == "now" {
        state.withLock { $0.window = 0 }
      } else if option.hasPrefix("confirm="), let seconds = Int(option.dropFirst(8)), seconds > 0 {
        state.withLock { $0.window = seconds }
      } else {
        throw ControlError.badRequest("there is no push option \"\(option)\": use confirm=SECONDS or now")
      }
    }
  }

  /// Stores a push, and leaves the move of main to control.
  private func keep(
    _ refs: [RefChange], _ write: ([RefChange]) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard let main = refs.first(where: { $0.name == ConfigurationStore.main }), let tip = main.new else {
      return try write(refs)
    }
    guard let incoming = RefName(ConfigurationStore.incomingPrefix + "\(tip.hex)-\(ProcessIdentity.current)") else {
      throw .invalid("\(tip) cannot be kept")
    }
    var changes = refs.filter { $0.name != ConfigurationStore.main }
    changes.append(RefChange(incoming, from: nil, to: tip, who: person, why: "push"))
    try write(changes)
    defer {
      // One that stays is dropped when control starts.
      try? backend.commit(Batch(refs: [RefChange(incoming, from: tip, to: nil, who: person, why: "push is decided")]))
    }
    try putInForce(tip)
  }

  private func putInForce(_ tip: ObjectID) throws(StoreError) {
    do {
      let request = PushRequest(commit: tip.hex, window: state.withLock(\.window))
      let report: ChangeReport = try control.send("POST", "/v1/push", request)
      state.withLock { state in
        state.words = report.changes + ["Commit \(report.commit) is in force."]
        if let seconds = report.confirmWithin {
          state.words.append("It reverts in \(seconds) s unless somebody runs on the router: lares confirm")
        }
      }
    } catch {
      throw .invalid("\(error)")
    }
  }

  // MARK: - Backend

  var format: ObjectFormat { backend.format }
  var headTarget: RefName { get throws(StoreError) { try backend.headTarget } }
  var shallowCommits: Set<ObjectID> { get throws(StoreError) { try backend.shallowCommits } }
  func object(_ id: ObjectID) throws(StoreError) -> GitObject { try backend.object(id) }
  func contains(_ id: ObjectID) throws(StoreError) -> Bool { try backend.contains(id) }
  func reference(_ name: RefName) throws(StoreError) -> ObjectID? { try backend.reference(name) }
  func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)] {
    try backend.references(under: prefix)
  }
  func makeQuarantine() throws(StoreError) -> String { try backend.makeQuarantine() }
  func publish() throws(StoreError) { try backend.publish() }
  func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch { try backend.watch(onChange) }

  func commit(_ batch: Batch) throws(StoreError) {
    try keep(batch.refs) { (refs) throws(StoreError) in try backend.commit(Batch(objects: batch.objects, refs: refs)) }
  }

  func adopt(_ pack: ReceivedPack?, refs: [RefChange], shallow: ShallowChange) throws(StoreError) {
    try keep(refs) { (refs) throws(StoreError) in try backend.adopt(pack, refs: refs, shallow: shallow) }
  }
}
