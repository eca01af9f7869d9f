public import GitFormat

/// An object that shall be in a pack.
public struct PackItem: Sendable {
  public var id: ObjectID
  /// Where it stands, for finding its other versions; nil where that is not known.
  public var path: PathHash?

  public init(_ id: ObjectID, path: PathHash? = nil) {
    self.id = id
    self.path = path
  }
}

/// Where a pack's objects come from. `PackSet` is one; a back end with a journal puts that in front.
public protocol PackSource: Sendable {
  var format: ObjectFormat { get }
  /// The object; nil where it is not here.
  func object(_ id: ObjectID) throws(StoreError) -> GitObject?
  /// Its kind and size; nil where it is not here.
  func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int)?
  /// The object as it stands in a pack already, to be copied; nil where it does not.
  func storedEntry(_ id: ObjectID) -> StoredEntry?
}

extension PackSource {
  public func storedEntry(_ id: ObjectID) -> StoredEntry? { nil }
}

/// Objects of any back end, as a pack's source. Each is read whole also to tell its kind.
public struct ReaderSource<Reader: ObjectReader>: PackSource {
  private let reader: Reader

  public init(_ reader: Reader) { self.reader = reader }

  public var format: ObjectFormat { reader.format }

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject? {
    do throws(StoreError) {
      return try reader.object(id)
    } catch {
      if case .missing(id) = error { return nil }
      throw error
    }
  }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int)? {
    try object(id).map { ($0.kind, $0.bytes.count) }
  }
}

/// An entry of a pack on disk that can go into another pack without being inflated.
public struct StoredEntry: Sendable {
  public enum Content: Equatable, Sendable {
    case object(ObjectKind)
    case delta(base: ObjectID)
  }

  public let content: Content
  /// Of the inflated bytes: the object, or the delta.
  public let size: Int
  let pack: PackFile
  let data: Range<Int>
}

extension PackFile {
  /// The entry at a position of the index, after a look at its checksum; nil where it cannot be copied.
  func storedEntry(at position: Int) -> StoredEntry? {
    let start = index.offset(at: position)
    guard let end = end(ofEntryAt: start), let place = try? place(start), place.dataStart <= end else { return nil }
    let content: StoredEntry.Content
    switch place.entry.content {
    case .object(let kind): content = .object(kind)
    case .delta(let base): content = .delta(base: base)
    case .offsetDelta(let distance):
      guard let base = self.position(ofEntryAt: start - distance) else { return nil }
      content = .delta(base: index.id(at: base))
    }
    let entry = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    guard PackEntry.crc(entry) == index.crc(at: position) else { return nil }
    return StoredEntry(content: content, size: place.entry.size, pack: self, data: place.dataStart..<end)
  }
}
