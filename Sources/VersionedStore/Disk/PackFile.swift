import GitFormat
import Synchronization

/// One pack of an `objects/pack` folder with its index, mapped, for reading. Safe to use from several threads; stays
/// readable when its files are unlinked.
final class PackFile: Sendable {
  /// Both files' path without `.pack` and `.idx`.
  let path: String
  let index: PackIndex
  /// No other pack of this process has it.
  let number: UInt32
  private let indexFile: MappedFile
  private let packFile: MappedFile
  private let order = Guarded<PackOrder?>(nil)

  private static let numbers = Atomic<UInt32>(0)
  /// `PACK`, version and count.
  static let headerLength = 12
  /// A chain of more deltas is taken for damage. Stock Git makes none above 4,095.
  static let deepestChain = 10_000

  /// Opens both files and checks that they belong together.
  ///
  /// - Throws: `.damaged`; `.system` with ENOENT where one of them is gone.
  init(path: String, _ format: ObjectFormat) throws(StoreError) {
    self.path = path
    indexFile = try MappedFile(path + ".idx")
    packFile = try MappedFile(path + ".pack")
    do throws(FormatError) { index = try PackIndex(indexFile.bytes, format) } catch {
      throw .damaged(file: path + ".idx", error.why)
    }
    number = Self.numbers.add(1, ordering: .relaxed).newValue
    try Self.check(packFile, index)
  }

  private static func check(_ file: MappedFile, _ index: PackIndex) throws(StoreError) {
    let bytes = file.bytes
    func damaged(_ how: String) -> StoreError { .damaged(file: file.path, how) }
    guard bytes.count >= headerLength + index.format.length else { throw damaged("it is cut off") }
    guard bytes.starts(with: "PACK".utf8), bytes[4..<7].allSatisfy({ $0 == 0 }), bytes[7] == 2 || bytes[7] == 3 else {
      throw damaged("it is no pack of version 2 or 3")
    }
    let count = bytes[8..<12].reduce(0) { $0 << 8 | Int($1) }
    guard count == index.count else { throw damaged("it has \(count) objects, its index \(index.count)") }
    let trailer = UnsafeRawBufferPointer(rebasing: bytes.suffix(index.format.length))
    guard ObjectID(index.format, trailer.bytes) == index.packChecksum else {
      throw damaged("it is not the pack that its index was made of, or it is cut off")
    }
  }

  /// The pack's bytes, valid as long as this object lives.
  var bytes: UnsafeRawBufferPointer { packFile.bytes }

  /// When the pack was last written, as it was opened: nanoseconds since 1970.
  var modified: Int { packFile.modified }

  /// Where entries end and the checksum begins.
  private var entriesEnd: Int { packFile.bytes.count - index.format.length }

  func damaged(_ offset: Int, _ how: String) -> StoreError {
    .damaged(file: path + ".pack", "entry at byte \(offset): \(how)")
  }

  // MARK: - Entries

  /// An entry with its place.
  struct Place {
    var offset: Int
    var entry: PackEntry
    /// Where its compressed bytes begin.
    var dataStart: Int { offset + entry.headerLength }
  }

  /// Reads the header at a place, which may be any number.
  func place(_ offset: Int) throws(StoreError) -> Place {
    guard offset >= Self.headerLength, offset < entriesEnd else { throw damaged(offset, "the pack has no such place") }
    do throws(FormatError) {
      let rest = UnsafeRawBufferPointer(rebasing: packFile.bytes[offset..<entriesEnd])
      return Place(offset: offset, entry: try PackEntry(parsing: rest, index.format))
    } catch { throw damaged(offset, error.why) }
  }

  /// Inflates an entry's bytes: an object, or a delta.
  ///
  /// - Parameter crc: what the index has for the entry; nil where that is not at hand.
  func inflate(_ place: Place, crc: UInt32?, limit: Int) throws(StoreError) -> [UInt8] {
    guard place.entry.size <= limit else {
      throw .tooLarge(
        "\(path).pack: entry at byte \(place.offset) has \(place.entry.size) bytes, the limit is \(limit)")
    }
    let rest = UnsafeRawBufferPointer(rebasing: packFile.bytes[place.dataStart..<entriesEnd])
    do throws(FormatError) {
      let (bytes, consumed) = try Deflate.decompress(rest, size: place.entry.size)
      if let crc {
        let entry = packFile.bytes[place.offset..<(place.dataStart + consumed)]
        guard PackEntry.crc(UnsafeRawBufferPointer(rebasing: entry)) == crc else {
          throw FormatError("pack entry", "it has another checksum than in the index")
        }
      }
      return bytes
    } catch { throw damaged(place.offset, error.why) }
  }

  /// The place of a delta's base; nil for a whole object.
  func base(of place: Place) throws(StoreError) -> Int? {
    switch place.entry.content {
    case .object: return nil
    case .offsetDelta(let distance): return place.offset - distance
    case .delta(let base):
      guard let offset = index.find(base) else { throw damaged(place.offset, "its base \(base) is not in the pack") }
      return offset
    }
  }
}

// MARK: - Order in the file

/// The entries of a pack as they stand in the file.
private struct PackOrder {
  /// Ascending.
  let offsets: [Int]
  /// The positions in the index of the entries there.
  let positions: [UInt32]

  init(_ index: PackIndex) {
    let all = (0..<index.count).map { (offset: index.offset(at: $0), position: UInt32($0)) }.sorted { $0 < $1 }
    offsets = all.map(\.offset)
    positions = all.map(\.position)
  }

  /// The number of an entry in the file; nil where none begins there.
  func number(_ offset: Int) -> Int? {
    var (low, high) = (0, offsets.count)
    while low < high {
      let middle = low + (high - low) / 2
      if offsets[middle] < offset { low = middle + 1 } else { high = middle }
    }
    return low < offsets.count && offsets[low] == offset ? low : nil
  }
}

extension PackFile {
  /// The position in the index of the entry that begins at an offset; nil where none does.
  func position(ofEntryAt offset: Int) -> Int? {
    let order = inOrder()
    return order.number(offset).map { Int(order.positions[$0]) }
  }

  /// Where the entry that begins at an offset ends: where the next one begins. nil where none does, or none can.
  func end(ofEntryAt offset: Int) -> Int? {
    let order = inOrder()
    guard let number = order.number(offset) else { return nil }
    let end = number + 1 < order.offsets.count ? order.offsets[number + 1] : entriesEnd
    return offset < end && end <= entriesEnd ? end : nil
  }

  /// Made when it is first asked for.
  private func inOrder() -> PackOrder {
    order.withLock { known in
      if let known { return known }
      let order = PackOrder(index)
      known = order
      return order
    }
  }
}

// MARK: - Objects

extension PackFile {
  /// Objects that are deltas, and those that deltas are made of. Whoever may ask for others again keeps them.
  typealias Cache = ObjectCache<Address>

  /// Where an entry of some pack begins.
  struct Address: CacheKey {
    /// `PackFile.number`.
    var pack: UInt32
    var offset: Int

    var prefix64: UInt64 { UInt64(truncatingIfNeeded: offset) ^ UInt64(pack) << 40 }
  }

  /// The object at a position of the index.
  ///
  /// - Parameters:
  ///   - cache: where bases of deltas and their results are kept.
  ///   - limit: the most bytes that the object, and each that it is a delta of, may have.
  func object(at position: Int, _ cache: Cache, limit: Int) throws(StoreError) -> GitObject {
    let wanted = index.offset(at: position)
    func crc(_ place: Place) -> UInt32? { place.offset == wanted ? index.crc(at: position) : nil }
    var place = try self.place(wanted)
    if case .object(let kind) = place.entry.content {
      return GitObject(kind, try inflate(place, crc: crc(place), limit: limit))
    }
    var deltas: [Place] = []
    var known = cache.object(address(place))
    while known == nil, let base = try base(of: place) {
      guard deltas.count < Self.deepestChain else { throw damaged(wanted, "its chain of deltas has no end") }
      deltas.append(place)
      place = try self.place(base)
      known = cache.object(address(place))
    }
    var object = if let known { known } else { try whole(place, cache, limit) }
    while let delta = deltas.popLast() {
      object.bytes = try apply(
        try inflate(delta, crc: crc(delta), limit: limit), to: object.bytes, delta.offset, limit)
      cache.insert(object, address(delta))
    }
    return object
  }

  /// An object that is no delta and that a delta is made of.
  private func whole(_ place: Place, _ cache: Cache, _ limit: Int) throws(StoreError) -> GitObject {
    guard case .object(let kind) = place.entry.content else { throw damaged(place.offset, "it is a delta") }
    let object = GitObject(kind, try inflate(place, crc: nil, limit: limit))
    cache.insert(object, address(place))
    return object
  }

  private func address(_ place: Place) -> Address { Address(pack: number, offset: place.offset) }

  private func apply(
    _ delta: [UInt8], to base: [UInt8], _ offset: Int, _ limit: Int
  ) throws(StoreError) -> [UInt8] {
    let (delta, base) = (delta.span.bytes, base.span.bytes)
    do throws(FormatError) {
      return try delta.withUnsafeBytes { delta throws(FormatError) in
        try base.withUnsafeBytes { base throws(FormatError) in try Delta.apply(delta, to: base, limit: limit) }
      }
    } catch { throw damaged(offset, error.why) }
  }

  /// An object's kind and size, without reading more of it than that takes.
  func kindAndSize(at position: Int) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    var place = try self.place(index.offset(at: position))
    let start = place.offset
    let size = try targetSize(place)
    for _ in 0...Self.deepestChain {
      if case .object(let kind) = place.entry.content { return (kind, size) }
      guard let base = try base(of: place) else { break }
      place = try self.place(base)
    }
    throw damaged(start, "its chain of deltas has no end")
  }

  /// The size of the object that an entry makes.
  private func targetSize(_ place: Place) throws(StoreError) -> Int {
    if case .object = place.entry.content { return place.entry.size }
    let data = UnsafeRawBufferPointer(rebasing: packFile.bytes[place.dataStart..<entriesEnd])
    var header = [UInt8](repeating: 0, count: Delta.Header.longest)
    do throws(FormatError) {
      var stream = InflateStream()
      var fault: FormatError?
      let size = header.withUnsafeMutableBytes { header in
        do throws(FormatError) {
          let produced = try stream.step(data, into: header).produced
          return try Delta.Header(parsing: UnsafeRawBufferPointer(rebasing: header[..<produced])).targetSize
        } catch {
          fault = error
          return 0
        }
      }
      if let fault { throw fault }
      return size
    } catch { throw damaged(place.offset, error.why) }
  }
}
