public import GitFormat
import Glibc
import HostSystem

/// A pack from outside: whole, checked, with its index, in a folder of its own that no repository reads. It goes with
/// this object, unless a back end adopts its files.
///
/// Nothing in it has been synced.
public final class ReceivedPack: ObjectReader {
  /// The folder; `pack/pack-<checksum>.pack` and `.idx` are in it.
  public let folder: String
  public let format: ObjectFormat
  /// What the pack ends with.
  public let checksum: ObjectID
  /// How many objects it has.
  public let count: Int
  /// The pack's size.
  public let byteCount: Int
  private let objects: PackSet

  /// Takes over a folder that has the two files.
  public init(folder: String, _ format: ObjectFormat, checksum: ObjectID, count: Int, byteCount: Int) {
    self.folder = folder
    self.format = format
    self.checksum = checksum
    self.count = count
    self.byteCount = byteCount
    objects = PackSet(objects: folder, format)
  }

  deinit { Self.remove(folder) }

  /// Makes a folder for a received pack, whose path begins so, and tells its path.
  static func makeFolder(_ prefix: String) throws(StoreError) -> String {
    var template = Array("\(prefix)XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw .system(SystemError("making a folder for what is received")) }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Removes a folder for a received pack, with what is in it.
  public static func remove(_ folder: String) {
    for name in File.list(folder + "/pack") { unlink(folder + "/pack/" + name) }
    rmdir(folder + "/pack")
    rmdir(folder)
  }

  /// `pack-<checksum>`, which both files are called with `.pack` and `.idx` behind it.
  public var name: String { "pack-\(checksum)" }
  public var packPath: String { "\(folder)/pack/\(name).pack" }
  public var indexPath: String { "\(folder)/pack/\(name).idx" }

  /// Whether no back end has taken its files. A change of references that failed may have come after that.
  public var isHere: Bool { access(packPath, F_OK) == 0 }

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    guard let object = try objects.object(id) else { throw .missing(id) }
    return object
  }

  public func contains(_ id: ObjectID) throws(StoreError) -> Bool { objects.contains(id) }

  /// The kind of one of its objects, at less cost than its bytes; nil where it is not in it.
  func kind(_ id: ObjectID) throws(StoreError) -> ObjectKind? { try objects.kindAndSize(id)?.kind }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    guard let found = try objects.kindAndSize(id) else { throw .missing(id) }
    return found
  }

  /// The names of all its objects, in order.
  public var ids: [ObjectID] { objects.allIDs() }

  /// All its objects, for a back end without packs, or for a pack so small that it is better stored as a batch.
  public func unpacked() throws(StoreError) -> [NewObject] {
    var all: [NewObject] = []
    for id in ids { all.append(NewObject(id: id, object: try object(id))) }
    return all
  }
}

/// How the end of a repository's history moves (gitrepository-layout, `shallow`).
public struct ShallowChange: Equatable, Sendable {
  /// Commits that are here without their parents from now on.
  public var added: [ObjectID]
  /// Commits whose parents are here from now on.
  public var removed: [ObjectID]

  public init(added: [ObjectID] = [], removed: [ObjectID] = []) {
    self.added = added
    self.removed = removed
  }

  public var isEmpty: Bool { added.isEmpty && removed.isEmpty }
}

extension Backend {
  public func refuseForgotten(_ pack: ReceivedPack?, tips: [ObjectID]) throws(StoreError) {}

  public func noteFetch(by who: Signature) {}

  public var packSource: (any PackSource)? { nil }

  public var shallowCommits: Set<ObjectID> { get throws(StoreError) { [] } }

  public func makeQuarantine() throws(StoreError) -> String {
    try ReceivedPack.makeFolder("/tmp/lares-received-")
  }

  public func adopt(
    _ pack: ReceivedPack?, refs: [RefChange], shallow: ShallowChange
  ) throws(StoreError) {
    guard shallow.isEmpty else { throw .invalid("this repository cannot keep a history without its beginning") }
    try commit(Batch(objects: try pack?.unpacked() ?? [], refs: refs))
  }
}
