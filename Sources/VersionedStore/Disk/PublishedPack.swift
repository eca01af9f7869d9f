import GitFormat
import HostSystem

/// A pack made of entries that are whole objects, in memory, with its index.
struct PublishedPack {
  private(set) var bytes: [UInt8]
  private var entries: [PackIndex.Entry] = []
  private var known: Set<ObjectID> = []

  /// - Parameter capacity: how many bytes the entries will have.
  init(capacity: Int = 0) {
    bytes = Array("PACK".utf8) + [0, 0, 0, 2, 0, 0, 0, 0]
    bytes.reserveCapacity(capacity + 44)
  }

  var count: Int { entries.count }

  /// Adds an entry, once for each object.
  mutating func add(_ id: ObjectID, entry: ArraySlice<UInt8>) {
    guard known.insert(id).inserted else { return }
    let crc = entry.withUnsafeBytes { PackEntry.crc($0) }
    entries.append(PackIndex.Entry(id: id, crc: crc, offset: bytes.count))
    bytes.append(contentsOf: entry)
  }

  /// Puts count and checksum where they belong, and tells the index's bytes and the checksum that names the pack.
  mutating func finish(_ format: ObjectFormat) throws(FormatError) -> (index: [UInt8], name: ObjectID) {
    withUnsafeBytes(of: UInt32(entries.count).bigEndian) { bytes.replaceSubrange(8..<12, with: $0) }
    var hasher = ObjectHasher(format)
    hasher.update(bytes)
    let checksum = try hasher.finish()
    checksum.append(to: &bytes)
    return (try PackIndex.serialize(entries, packChecksum: checksum, format), checksum)
  }
}
