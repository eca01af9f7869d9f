public import GitFormat

/// A repository that is gone with the process: for tests, and for values that only pass through.
public final class MemoryBackend: Backend {
  private struct State {
    var objects: [ObjectID: GitObject] = [:]
    var references: [RefName: ObjectID] = [:]
    var shallow: Set<ObjectID> = []
    var watches: [Int: @Sendable () -> Void] = [:]
    var nextWatch = 0
  }

  public let format: ObjectFormat
  public let headTarget: RefName
  private let state = Guarded(State())

  public init(format: ObjectFormat = .sha1, headTarget: RefName = .branch("main")!) {
    self.format = format
    self.headTarget = headTarget
  }

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    guard let object = state.withLock({ $0.objects[id] }) else { throw .missing(id) }
    return object
  }

  public func contains(_ id: ObjectID) throws(StoreError) -> Bool { state.withLock { $0.objects[id] != nil } }

  public func reference(_ name: RefName) throws(StoreError) -> ObjectID? {
    let name = name == .head ? headTarget : name
    return state.withLock { $0.references[name] }
  }

  public func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)] {
    state.withLock { state in
      state.references.filter { $0.key.text.hasPrefix(prefix) }.map { (name: $0.key, id: $0.value) }
    }.sorted { $0.name < $1.name }
  }

  public var shallowCommits: Set<ObjectID> { get throws(StoreError) { state.withLock(\.shallow) } }

  public func commit(_ batch: Batch) throws(StoreError) { try commit(batch, ShallowChange()) }

  public func adopt(
    _ pack: ReceivedPack?, refs: [RefChange], shallow: ShallowChange
  ) throws(StoreError) {
    try commit(Batch(objects: try pack?.unpacked() ?? [], refs: refs), shallow)
  }

  private func commit(_ batch: Batch, _ shallow: ShallowChange) throws(StoreError) {
    let outcome: Result<[@Sendable () -> Void], StoreError> = state.withLock { state in
      for change in batch.refs where state.references[change.name] != change.old {
        return .failure(.refChanged(change.name, expected: change.old, found: state.references[change.name]))
      }
      for new in batch.objects { state.objects[new.id] = new.object }
      for change in batch.refs { state.references[change.name] = change.new }
      state.shallow.formUnion(shallow.added)
      state.shallow.subtract(shallow.removed)
      return .success(batch.refs.isEmpty ? [] : Array(state.watches.values))
    }
    for notify in try outcome.get() { notify() }
  }

  public func publish() throws(StoreError) {}

  public func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch {
    let number = state.withLock { state in
      state.nextWatch += 1
      state.watches[state.nextWatch] = onChange
      return state.nextWatch
    }
    return RefWatch { [weak self] in self?.state.withLock { $0.watches[number] = nil } }
  }
}
