public import GitFormat

/// Where objects are read from.
public protocol ObjectReader: Sendable {
  var format: ObjectFormat { get }
  /// The object with this name.
  ///
  /// - Throws: `.missing`, `.damaged`, `.system`.
  func object(_ id: ObjectID) throws(StoreError) -> GitObject
  /// The bytes of an object of a kind.
  ///
  /// - Throws: as `object`; `.wrongKind`.
  func bytes(_ id: ObjectID, _ kind: ObjectKind) throws(StoreError) -> [UInt8]
  func contains(_ id: ObjectID) throws(StoreError) -> Bool
  /// What the object is and how many bytes it has, where it can be told at less cost than by reading it.
  ///
  /// - Throws: as `object`.
  func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int)
  /// From which size on values are in chunks here, and how large these are.
  var chunkLimits: ChunkLimits { get }
}

extension ObjectReader {
  public var chunkLimits: ChunkLimits { .standard }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    let object = try object(id)
    return (object.kind, object.bytes.count)
  }

  public func bytes(_ id: ObjectID, _ kind: ObjectKind) throws(StoreError) -> [UInt8] {
    let object = try object(id)
    guard object.kind == kind else { throw .wrongKind(id, found: object.kind, expected: kind) }
    return object.bytes
  }
}

/// An object with its name, on its way into a store.
public struct NewObject: Equatable, Sendable {
  public let id: ObjectID
  public let object: GitObject

  /// - Precondition: `id` is the object's name; makers go through `ObjectBuffer`, which computes it.
  init(id: ObjectID, object: GitObject) {
    self.id = id
    self.object = object
  }
}

/// One reference's way from a value to another.
public struct RefChange: Equatable, Sendable {
  public var name: RefName
  /// What it has to be now; nil: it must not exist.
  public var old: ObjectID?
  /// What it shall be; nil: it is deleted.
  public var new: ObjectID?
  /// For the reflog.
  public var who: Signature
  public var why: String

  public init(_ name: RefName, from old: ObjectID?, to new: ObjectID?, who: Signature, why: String) {
    self.name = name
    self.old = old
    self.new = new
    self.who = who
    self.why = why
  }
}

/// Objects and reference changes that are stored together: all of it, or nothing.
public struct Batch: Sendable {
  public var objects: [NewObject]
  public var refs: [RefChange]

  public init(objects: [NewObject] = [], refs: [RefChange] = []) {
    self.objects = objects
    self.refs = refs
  }
}

/// What holds a repository: objects by name and references. All else is built on it. Safe to use from several threads.
public protocol Backend: ObjectReader {
  /// The reference that HEAD names, be there one or not.
  var headTarget: RefName { get throws(StoreError) }
  /// What a reference names, acknowledged changes included; nil where there is none.
  func reference(_ name: RefName) throws(StoreError) -> ObjectID?
  /// All references whose full names begin so, in order of name.
  func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)]
  /// Stores a batch. When it returns, the batch survives power loss where the back end is durable at all.
  ///
  /// - Throws: `.refChanged` where a reference is not at its `old`; then nothing has changed. The same on all other errors.
  func commit(_ batch: Batch) throws(StoreError)
  /// Stores objects that no reference names yet, as durable as `commit`. Collectors leave them alone, with all that they
  /// refer to, as long as the hold lives; until then something has to refer to them.
  ///
  /// - Throws: `.missing` where an object that they refer to is not here; else as `commit`.
  func hold(_ objects: [NewObject]) throws(StoreError) -> ObjectHold
  /// Stores a received pack with what belongs to it, all or nothing and as durable as `commit`. Afterwards the pack's
  /// files may be the repository's own.
  ///
  /// - Throws: as `commit`.
  func adopt(_ pack: ReceivedPack?, refs: [RefChange], shallow: ShallowChange) throws(StoreError)
  /// Refuses what brings back, or builds on, what was forgotten here and has not been added again.
  ///
  /// - Parameters:
  ///   - pack: what was sent.
  ///   - tips: objects that references shall name, or that the pack builds on.
  /// - Throws: `.forgotten`.
  func refuseForgotten(_ pack: ReceivedPack?, tips: [ObjectID]) throws(StoreError)
  /// Notes that somebody has fetched from here and so has a copy, for those who want to forget something later.
  func noteFetch(by who: Signature)
  /// A new folder where a pack can be received; on the file system of the repository where it is on one.
  func makeQuarantine() throws(StoreError) -> String
  /// The repository's packs, for whoever makes another of what is in them; objects may be missing that are not in packs
  /// yet. nil where there are none.
  var packSource: (any PackSource)? { get }
  /// Commits that are here without their parents.
  var shallowCommits: Set<ObjectID> { get throws(StoreError) }
  /// Makes all acknowledged changes visible to other programs that read the repository by its format.
  func publish() throws(StoreError)
  /// Calls back after each change of references, whoever made it, until the watch goes. May call for a change more than
  /// once, and once for several.
  func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch
}

extension Backend {
  public func hold(_ objects: [NewObject]) throws(StoreError) -> ObjectHold {
    try commit(Batch(objects: objects))
    return ObjectHold {}
  }
}

/// Keeps objects from collectors; that ends when this goes.
public final class ObjectHold: Sendable {
  private let end: @Sendable () -> Void

  public init(end: @escaping @Sendable () -> Void) { self.end = end }
  deinit { end() }
}

/// Keeps a watch alive; it ends when this goes.
public final class RefWatch: Sendable {
  private let end: @Sendable () -> Void

  public init(end: @escaping @Sendable () -> Void) { self.end = end }
  deinit { end() }
}
