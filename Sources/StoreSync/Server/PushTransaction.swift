public import GitFormat
import VersionedStore

/// One push: received, looked at, decided, stored, published.
struct PushTransaction {
  private let backend: any Backend
  private let policy: ServerPolicy
  private let request: PushRequest
  private let band: SideBandWriter
  /// What was here before, as far as the person may know of it: nobody gets what is hidden by pushing a reference to
  /// it, or a delta of it, or learns whether it is there.
  private let known: VisibleObjects
  private var refusals: [RefName: String] = [:]
  /// References that would lose what they name now.
  private var rewinds: Set<RefName> = []
  private var isAtomic: Bool { request.capabilities.has("atomic") }

  init(_ backend: any Backend, _ policy: ServerPolicy, _ request: PushRequest, _ band: SideBandWriter) {
    self.backend = backend
    self.policy = policy
    known = VisibleObjects(of: backend, policy.mayRead)
    self.request = request
    self.band = band
  }

  /// - Parameter input: where the pack comes from.
  consuming func run(_ input: BufferedInput) throws(StoreError) -> PushReport {
    let received: ReceivedPack?
    do throws(StoreError) {
      received = try receive(input)
    } catch {
      return report(unpackError: "\(error)")
    }
    do throws(StoreError) {
      let known = known
      let objects: any ObjectReader = received.map { Quarantine(pack: $0, base: known) } ?? known
      let visible = try VisibleReferences(backend, policy)
      try refuseByRights(visible)
      try backend.refuseForgotten(received, tips: accepted.compactMap(\.new))
      try refuseIncomplete(objects, visible)
      try refuseRewinds(objects)
      try refuseLostChunks(objects)
      try refuseByCheck(objects)
      try store(received)
    } catch {
      for command in request.commands where refusals[command.name] == nil { refusals[command.name] = "\(error)" }
    }
    return report()
  }

  private func report(unpackError: String? = nil) -> PushReport {
    PushReport(
      unpackError: unpackError,
      results: request.commands.map {
        .init(name: $0.name, error: unpackError == nil ? refusals[$0.name] : "unpacker error")
      })
  }

  private func receive(_ input: BufferedInput) throws(StoreError) -> ReceivedPack? {
    guard request.hasPack else { return nil }
    let band = band
    let receiver = PackReceiver(for: backend, bases: known, limits: policy.limits) { (line) throws(StoreError) in
      try band.progress(line)
    }
    return try receiver.receive(from: input)
  }

  /// Commands that nobody has refused.
  private var accepted: [PushCommand] { request.commands.filter { refusals[$0.name] == nil } }

  // MARK: Reasons to refuse

  private mutating func refuseByRights(_ visible: VisibleReferences) throws(StoreError) {
    for command in request.commands {
      guard policy.mayWrite(command.name), policy.mayRead(command.name) else {
        refusals[command.name] = "you may not change \(command.name)"
        continue
      }
      let current = visible.id(of: command.name.text)
      if current != command.old {
        refusals[command.name] = "it was changed by somebody else meanwhile; fetch first"
      }
      if command.new == nil, try command.name == backend.headTarget {
        refusals[command.name] = "HEAD names it; it cannot be deleted"
      }
    }
  }

  /// Everything that a new value reaches has to have come, or to be in what the person sees already.
  private mutating func refuseIncomplete(
    _ objects: any ObjectReader, _ visible: VisibleReferences
  ) throws(StoreError) {
    let known = Array(visible.tips)
    for command in accepted {
      guard let new = command.new else { continue }
      do throws(StoreError) {
        try ObjectSelection.checkComplete([new], known: known, cut: backend.shallowCommits, in: objects)
        let kind = try objects.object(new).kind
        if command.name.branchName != nil, kind != .commit { refusals[command.name] = "a branch has to name a commit" }
      } catch {
        refusals[command.name] = "\(error)"
      }
    }
  }

  private mutating func refuseRewinds(_ objects: any ObjectReader) throws(StoreError) {
    let history = History(objects, cut: try backend.shallowCommits)
    for command in accepted {
      guard try isRewind(command, objects, history) else { continue }
      rewinds.insert(command.name)
      guard !policy.mayRewind(command.name) else { continue }
      refusals[command.name] =
        command.new == nil ? "you may not delete \(command.name)" : "non-fast-forward; fetch and merge first"
    }
  }

  /// Whether something would be lost: a deletion, or a value that does not come from the old one.
  private func isRewind(
    _ command: PushCommand, _ objects: any ObjectReader, _ history: History
  ) throws(StoreError) -> Bool {
    guard let old = command.old else { return false }
    guard let new = command.new else { return true }
    guard try objects.object(old).kind == .commit, try objects.object(new).kind == .commit else { return old != new }
    return try !history.descends(new, from: old)
  }

  /// A pointer has to come with its chunks.
  private mutating func refuseLostChunks(_ objects: any ObjectReader) throws(StoreError) {
    for command in accepted where command.name.branchName != nil {
      guard let old = command.old, let new = command.new else { continue }
      do throws(StoreError) {
        guard let path = try Commit(new, in: objects).tree.lostPointer(since: Commit(old, in: objects).tree) else {
          continue
        }
        refusals[command.name] =
          "\(path) would lose its value, whose chunks are not beside it: move files by mv and git add -A, not by git mv"
      } catch .limitReached {
        // Whoever changes ten million files at once does not move one by hand.
      }
    }
  }

  private mutating func refuseByCheck(_ objects: any ObjectReader) throws(StoreError) {
    guard !accepted.isEmpty else { return }
    let push = Push(changes: accepted.map(change), options: request.options, objects: objects)
    for (name, refusal) in try policy.check(push) {
      for line in refusal.details { try band.notice(line + "\n") }
      refusals[name] = refusal.reason
    }
  }

  private func change(_ command: PushCommand) -> RefChange {
    RefChange(command.name, from: command.old, to: command.new, who: who, why: "push")
  }

  private var who: Signature {
    let person = policy.person
    return Signature(name: person.name, email: person.email, time: policy.now(), zone: person.zone)
  }

  // MARK: Storing

  /// Stores what nobody refused. References of an atomic push change all together or not at all; others each alone.
  private mutating func store(_ pack: ReceivedPack?) throws(StoreError) {
    if isAtomic, !refusals.isEmpty {
      for command in accepted { refusals[command.name] = "another reference of this atomic push was refused" }
    }
    let commands = accepted
    guard !commands.isEmpty else { return }
    do throws(StoreError) {
      try backend.adopt(pack, refs: try allChanges(commands), shallow: ShallowChange())
    } catch {
      guard !isAtomic, commands.count > 1, case .refChanged = error else { throw error }
      try storeOneByOne(pack, commands)
    }
    do throws(StoreError) { try backend.publish() } catch {
      // It is stored all the same.
      try band.notice("stored, and not to be seen by other programs yet: \(error)\n")
    }
    let stored = accepted.map(change)
    guard !stored.isEmpty else { return }
    for line in policy.afterwards(stored) { try band.notice(line + "\n") }
  }

  /// Somebody changed one of the references while the push was looked at: the others need not wait for it.
  private mutating func storeOneByOne(_ pack: ReceivedPack?, _ commands: [PushCommand]) throws(StoreError) {
    if let pack, pack.isHere { try backend.adopt(pack, refs: [], shallow: ShallowChange()) }
    for command in commands {
      do throws(StoreError) {
        try backend.commit(Batch(refs: try changes(command)))
      } catch {
        refusals[command.name] = "\(error)"
      }
    }
  }

  private func allChanges(_ commands: [PushCommand]) throws(StoreError) -> [RefChange] {
    var all: [RefChange] = []
    for command in commands { all += try changes(command) }
    return all
  }

  /// The change of a reference, and the undo reference that keeps what it would lose.
  private func changes(_ command: PushCommand) throws(StoreError) -> [RefChange] {
    guard let old = command.old, rewinds.contains(command.name),
      let undo = UndoReference.name(for: command.name, old, time: policy.now())
    else { return [change(command)] }
    let existing = try backend.reference(undo)
    return [
      RefChange(undo, from: existing, to: old, who: who, why: "push that rewinds \(command.name)"), change(command),
    ]
  }
}

/// Names of references that keep what a forced push or a deletion would lose.
public enum UndoReference {
  /// `refs/lares/undo/<time>-<first digits>/heads/main`: a folder each, so that no name stands in another's way.
  public static func name(for name: RefName, _ old: ObjectID, time: Int64) -> RefName? {
    RefName("refs/lares/undo/\(time)-\(old.hex.prefix(12))/\(name.text.dropFirst("refs/".utf8.count))")
  }
}
