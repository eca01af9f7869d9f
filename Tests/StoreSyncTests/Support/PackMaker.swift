import GitFormat

/// Makes packs entry by entry, good ones and bad ones.
struct PackMaker {
  private let format: ObjectFormat
  private var count: UInt32 = 0
  private var entries: [UInt8] = []

  init(_ format: ObjectFormat = .sha1) { self.format = format }

  /// Where the next entry begins.
  var offset: Int { 12 + entries.count }

  mutating func append(_ content: PackEntry.Content, _ bytes: [UInt8]) {
    bytes.withUnsafeBytes { _ = PackEntry.append(content, $0, level: 6, to: &entries) }
    count += 1
  }

  /// Appends bytes that may be no entry, and counts them as one.
  mutating func append(raw bytes: [UInt8]) {
    entries += bytes
    count += 1
  }

  /// The pack with its checksum.
  ///
  /// - Parameter announced: the number of entries that it says; nil: as many as there are.
  func finish(announced: UInt32? = nil) throws -> [UInt8] {
    var pack = Array("PACK".utf8) + [0, 0, 0, 2]
    withUnsafeBytes(of: (announced ?? count).bigEndian) { pack += $0 }
    pack += entries
    var hasher = ObjectHasher(format)
    hasher.update(pack)
    return pack + (try hasher.finish()).bytes
  }
}
