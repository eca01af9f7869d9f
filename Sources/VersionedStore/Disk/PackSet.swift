public import GitFormat
import Glibc
import HostSystem
import Synchronization

/// The objects of one `objects` folder as stock Git lays them out: packs, the loose objects beside them, and those of
/// other repositories that `info/alternates` names. Read only; safe to use from several threads, while other programs
/// add, repack and prune.
///
/// Where a pack is damaged, another copy of the object is looked for before that is reported.
public final class PackSet: PackSource {
  /// How much a reader takes.
  public struct Limits: Sendable {
    /// Memory for objects that may be asked for again, in bytes.
    public var cache: Int
    /// The most bytes that one object may have.
    public var object: Int

    public init(cache: Int = 32 << 20, object: Int = 1 << 30) {
      self.cache = cache
      self.object = object
    }
  }

  /// The `objects` folder.
  public let folder: String
  public let format: ObjectFormat
  private let limits: Limits
  private let cache: PackFile.Cache
  private let packFolder: PackFolder
  private let loose: LooseObjects
  /// Where the last object was found: the next one is likely there too.
  private let recent = Atomic<Int>(0)
  /// Those that `info/alternates` names, once they are known; an alternate itself has none.
  private let alternates: Guarded<[PackSet]?>

  /// As in Git: alternates of alternates of alternates… are followed so far.
  private static let deepestAlternate = 5
  private static let mostAlternates = 64

  /// Opens nothing yet. A folder that is not there has no objects.
  ///
  /// - Parameter folder: the `objects` folder of a repository.
  public convenience init(objects folder: String, _ format: ObjectFormat, limits: Limits = Limits()) {
    self.init(folder, format, limits, PackFile.Cache(capacity: limits.cache), alternates: nil)
  }

  private init(
    _ folder: String, _ format: ObjectFormat, _ limits: Limits, _ cache: PackFile.Cache,
    alternates: [PackSet]?
  ) {
    self.folder = folder
    self.format = format
    self.limits = limits
    self.cache = cache
    self.alternates = Guarded(alternates)
    packFolder = PackFolder(folder + "/pack", format)
    loose = LooseObjects(folder: folder, format: format)
  }

  // MARK: - Objects

  /// The object with a name; nil where it is not here.
  ///
  /// - Throws: `.damaged` where all copies are, or where an unreadable pack may have had it; `.tooLarge`; `.system`.
  public func object(_ id: ObjectID) throws(StoreError) -> GitObject? {
    try find(id) { pack, position throws(StoreError) in
      try pack.object(at: position, self.cache, limit: self.limits.object)
    } inFile: { loose throws(StoreError) in
      try loose.object(id, limit: self.limits.object)
    }
  }

  /// The kind and size of an object, at less cost than its bytes; nil where it is not here.
  ///
  /// - Throws: as above.
  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int)? {
    try find(id) { pack, position throws(StoreError) in
      try pack.kindAndSize(at: position)
    } inFile: { loose throws(StoreError) in
      try loose.kindAndSize(id)
    }
  }

  /// Whether an index, or a loose file, has the name. Its bytes are not looked at.
  public func contains(_ id: ObjectID) -> Bool {
    func has(_ contents: PackFolder.Contents) -> Bool { contents.packs.contains { $0.index.position(of: id) != nil } }
    let contents = packFolder.contents()
    if has(contents) || loose.contains(id) || others().contains(where: { $0.contains(id) }) { return true }
    return packFolder.refresh(after: contents).map(has) ?? false
  }

  /// The names of all objects, alternates' included, in order, each once.
  public func allIDs() -> [ObjectID] {
    var all: Set<ObjectID> = []
    forEachID { all.insert($0) }
    return all.sorted()
  }

  /// Calls with the name of every object, alternates' included. One that is in several places comes several times.
  public func forEachID(_ body: (ObjectID) -> Void) {
    let contents = packFolder.current()
    for pack in contents.packs {
      for position in 0..<pack.index.count { body(pack.index.id(at: position)) }
    }
    loose.forEachID(body)
    for other in others() { other.forEachID(body) }
  }

  /// Names of objects that begin with these hexadecimal digits, in order, at most so many.
  public func ids(hexPrefix digits: some Collection<UInt8>, limit: Int) -> [ObjectID] {
    var found: Set<ObjectID> = []
    for pack in packFolder.current().packs {
      for position in pack.index.positions(hexPrefix: digits).prefix(limit) {
        found.insert(pack.index.id(at: position))
      }
    }
    let text = String(decoding: digits, as: UTF8.self).lowercased()
    loose.forEachID { if $0.hex.hasPrefix(text) { found.insert($0) } }
    for other in others() { found.formUnion(other.ids(hexPrefix: digits, limit: limit)) }
    return Array(found.sorted().prefix(limit))
  }

  /// Lets go of objects in memory.
  func forgetCache() { cache.removeAll() }

  /// The packs of this folder, newest first, looked at again.
  func openPacks() -> [PackFile] { packFolder.current().packs }

  public func storedEntry(_ id: ObjectID) -> StoredEntry? {
    for pack in packFolder.contents().packs {
      if let position = pack.index.position(of: id) { return pack.storedEntry(at: position) }
    }
    return nil
  }

  // MARK: - Search

  private typealias InPack<Value> = (PackFile, Int) throws(StoreError) -> Value
  private typealias InFile<Value> = (LooseObjects) throws(StoreError) -> Value?

  private func find<Value>(
    _ id: ObjectID, _ inPack: InPack<Value>, inFile: InFile<Value>
  ) throws(StoreError) -> Value? {
    var fault: StoreError?
    let contents = packFolder.contents()
    if let value = look(id, contents.packs, inPack, &fault) { return value }
    do throws(StoreError) {
      if let value = try inFile(loose) { return value }
    } catch { fault = error }
    for other in others() {
      do throws(StoreError) {
        if let value = try other.find(id, inPack, inFile: inFile) { return value }
      } catch { fault = fault ?? error }
    }
    if let new = packFolder.refresh(after: contents) {
      if let value = look(id, new.packs, inPack, &fault) { return value }
      fault = fault ?? new.faults.first
    } else {
      fault = fault ?? contents.faults.first
    }
    if let fault { throw fault }
    return nil
  }

  private func look<Value>(
    _ id: ObjectID, _ packs: [PackFile], _ inPack: InPack<Value>, _ fault: inout StoreError?
  ) -> Value? {
    let first = recent.load(ordering: .relaxed)
    for turn in 0..<packs.count {
      // The recent one first, the others in their order.
      let number = first >= packs.count ? turn : turn == 0 ? first : turn <= first ? turn - 1 : turn
      guard let position = packs[number].index.position(of: id) else { continue }
      do throws(StoreError) {
        let value = try inPack(packs[number], position)
        if number != first { recent.store(number, ordering: .relaxed) }
        return value
      } catch { fault = fault ?? error }
    }
    return nil
  }

  // MARK: - Alternates

  private func others() -> [PackSet] {
    alternates.withLock { known in
      if let known { return known }
      let others = readAlternates()
      known = others
      return others
    }
  }

  private func readAlternates() -> [PackSet] {
    var found: [String] = []
    var level = [folder]
    for _ in 0..<Self.deepestAlternate {
      let next = level.flatMap { Self.alternates(of: $0) }.filter { $0 != folder && !found.contains($0) }
      level = []
      for path in next where !level.contains(path) && found.count + level.count < Self.mostAlternates {
        level.append(path)
      }
      found += level
    }
    return found.map { PackSet($0, format, limits, cache, alternates: []) }
  }

  /// `info/alternates`: an `objects` folder a line, absolute or from this one; `#` begins a comment (gitrepository-layout).
  private static func alternates(of folder: String) -> [String] {
    guard let bytes = try? File.readIfPresent(folder + "/info/alternates") else { return [] }
    let lines = bytes.split(separator: UInt8(ascii: "\n")).prefix(mostAlternates)
    return lines.filter { $0.first != UInt8(ascii: "#") }.map { line in
      let text = String(decoding: line, as: UTF8.self)
      return text.hasPrefix("/") ? text : folder + "/" + text
    }
  }
}
