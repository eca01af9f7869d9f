public import GitFormat
public import VersionedStore

/// One reference to push.
public struct PushSpec: Equatable, Sendable {
  /// What the remote's reference shall name; nil: it shall be deleted.
  public var source: ObjectID?
  public var destination: RefName
  /// Whether the remote's reference may lose what it names. That has to be known here, and stays here under
  /// `refs/lares/undo/`.
  public var isForced: Bool
  /// What the remote's reference has to be before, at any rate; nil: whatever it is.
  public var lease: Lease?

  public enum Lease: Equatable, Sendable {
    /// It must not be there.
    case absent
    case at(ObjectID)
  }

  public init(_ source: ObjectID?, to destination: RefName, isForced: Bool = false, lease: Lease? = nil) {
    self.source = source
    self.destination = destination
    self.isForced = isForced
    self.lease = lease
  }
}

/// How a push went.
public struct PushResult: Equatable, Sendable {
  /// References, each with the reason for which it was not changed; nil: it is as asked.
  public var outcomes: [RefName: String?] = [:]

  /// The reason where the remote's reference has what the new one has not, and nothing forces that.
  public static let wouldLose = "non-fast-forward; fetch first"

  public var isSuccess: Bool { outcomes.values.allSatisfy { $0 == nil } }
}

extension RemoteClient {
  /// Changes references of the remote, and sends what it needs for them.
  ///
  /// - Parameters:
  ///   - isAtomic: all or nothing. Refused where the remote cannot do that.
  ///   - pushOptions: words for the remote's hooks.
  public func push(
    _ specs: [PushSpec], from backend: any Backend, isAtomic: Bool = false, pushOptions: [String] = [], who: Signature
  ) throws(StoreError) -> PushResult {
    var options = options
    if options.version == .two { options.version = .one }
    let session = try RemoteSession(remote, .receivePack, options, format: backend.format)
    do throws(StoreError) {
      let exchange = PushExchange(session, backend, options, isAtomic: isAtomic, pushOptions: pushOptions, who: who)
      return try exchange.run(specs)
    } catch { throw RemoteSession.explained(error, session.connection) }
  }
}

/// One push on its way out.
private struct PushExchange {
  private let session: RemoteSession
  private let backend: any Backend
  private let options: RemoteOptions
  private let isAtomic: Bool
  private let pushOptions: [String]
  private let who: Signature
  private var result = PushResult()

  init(
    _ session: RemoteSession, _ backend: any Backend, _ options: RemoteOptions, isAtomic: Bool, pushOptions: [String],
    who: Signature
  ) {
    self.session = session
    self.backend = backend
    self.options = options
    self.isAtomic = isAtomic
    self.pushOptions = pushOptions
    self.who = who
  }

  consuming func run(_ specs: [PushSpec]) throws(StoreError) -> PushResult {
    let remote = try session.references()
    let current = Dictionary(remote.map { ($0.name, $0.id) }) { first, _ in first }
    var commands: [PushCommand] = []
    for spec in specs {
      if let command = try command(for: spec, current[spec.destination] ?? nil) { commands.append(command) }
    }
    if isAtomic, result.outcomes.values.contains(where: { $0 != nil }) {
      for command in commands { result.outcomes[command.name] = "another reference of this atomic push was refused" }
      commands = []
    }
    guard !commands.isEmpty else {
      try session.end()
      return result
    }
    for command in commands { result.outcomes[command.name] = "the remote did not say what became of it" }
    try keepWhatIsLost(commands)
    try send(PushRequest(commands: commands, capabilities: try capabilities(), options: pushOptions), remote)
    return result
  }

  /// nil where there is nothing to do, or where it is refused here.
  private mutating func command(for spec: PushSpec, _ current: ObjectID?) throws(StoreError) -> PushCommand? {
    let name = spec.destination
    guard spec.source != current else {
      result.outcomes[name] = .some(nil)
      return nil
    }
    let lease: ObjectID?? = spec.lease.map { if case .at(let id) = $0 { id } else { nil } }
    if let lease, lease != current {
      result.outcomes[name] = "stale info: the remote's is \(current.map(\.hex) ?? "not there")"
      return nil
    }
    if let current, try isLoss(of: current, to: spec.source) {
      guard spec.isForced else {
        result.outcomes[name] = spec.source == nil ? "deleting has to be forced" : PushResult.wouldLose
        return nil
      }
      guard try backend.contains(current) else {
        result.outcomes[name] = "what the remote has is not here; fetch first, so that it is not lost"
        return nil
      }
    }
    return PushCommand(name, from: current, to: spec.source)
  }

  private func isLoss(of old: ObjectID, to new: ObjectID?) throws(StoreError) -> Bool {
    guard let new, try backend.contains(old), try backend.object(old).kind == .commit,
      try backend.object(new).kind == .commit
    else { return true }
    return try !History(backend, cut: backend.shallowCommits).descends(new, from: old)
  }

  /// Undo references here, before anything is lost there.
  private func keepWhatIsLost(_ commands: [PushCommand]) throws(StoreError) {
    var changes: [RefChange] = []
    for command in commands {
      guard let old = command.old, try isLoss(of: old, to: command.new),
        let undo = UndoReference.name(for: command.name, old, time: who.time)
      else { continue }
      let existing = try backend.reference(undo)
      guard existing != old else { continue }
      changes.append(RefChange(undo, from: existing, to: old, who: who, why: "forced push of \(command.name)"))
    }
    if !changes.isEmpty { try backend.commit(Batch(refs: changes)) }
  }

  private func capabilities() throws(StoreError) -> Capabilities {
    let offered = session.capabilities
    var chosen = Capabilities()
    for word in ["report-status-v2", "report-status"] where offered.has(word) {
      chosen.add(word)
      break
    }
    for word in ["side-band-64k", "ofs-delta"] where offered.has(word) { chosen.add(word) }
    if isAtomic {
      guard offered.has("atomic") else { throw .invalid("the remote cannot change several references at once") }
      chosen.add("atomic")
    }
    if !pushOptions.isEmpty {
      guard offered.has("push-options") else { throw .invalid("the remote takes no push options") }
      chosen.add("push-options")
    }
    if offered.has("object-format") { chosen.add("object-format=\(session.format.rawValue)") }
    if offered.has("agent") { chosen.add("agent=\(Agent.name)") }
    return chosen
  }

  private mutating func send(_ request: PushRequest, _ remote: [RemoteReference]) throws(StoreError) {
    let exchange = try session.connection.request()
    let packets = PacketWriter(exchange)
    try request.write(to: packets, session.format)
    try packets.send()
    if request.hasPack { try sendPack(request, remote, exchange) }
    let answer = try exchange.answer()
    guard request.capabilities.has("report-status") || request.capabilities.has("report-status-v2") else {
      throw .invalid("the remote does not report what became of the push")
    }
    let report: PushReport
    if request.capabilities.has("side-band-64k") {
      let band = SideBandReader(answer, progress: options.progress)
      report = try PushReport(PacketReader(band))
      try band.drain()
    } else {
      report = try PushReport(answer)
    }
    session.connection.close()
    for item in report.results where result.outcomes[item.name] != nil { result.outcomes[item.name] = item.error }
    if let error = report.unpackError {
      for command in request.commands { result.outcomes[command.name] = error }
    }
  }

  private func sendPack(
    _ request: PushRequest, _ remote: [RemoteReference], _ sink: any ByteSink
  ) throws(StoreError) {
    var selection = ObjectSelection(in: backend)
    selection.wants = request.commands.compactMap(\.new)
    for id in Set(remote.compactMap(\.id)).sorted() {
      if try backend.contains(id) { selection.haves.append(id) }
    }
    selection.cut = try backend.shallowCommits
    try selection.run()
    let pack = PackOptions(
      offsetDeltas: request.capabilities.has("ofs-delta"), isThin: !session.capabilities.has("no-thin"))
    let progress = options.progress
    var shown = 0
    try selection.writePack(to: sink, from: backend, pack) { (written) throws(StoreError) in
      guard written >= shown + 1 << 20 else { return }
      shown = written
      progress("Sending: \(written >> 20) MiB")
    }
  }
}
