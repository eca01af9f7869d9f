#if DEBUG || FUZZING
  import GitFormat
  import Glibc
  import HostSystem

  @testable import VersionedStore

  extension FuzzTarget {
    /// Packs on disk: each entry that can be found by reading on gives an object within the limit, or an error with the
    /// place; chains end; what is read is read again, and copied into another pack, as the same.
    static let packFile = FuzzTarget("pack-file") { bytes in
      guard bytes.count >= PackFile.headerLength + ObjectFormat.sha1.length else { return }
      var bytes = bytes
      let entries = entries(bytes)
      bytes.replaceSubrange(
        0..<PackFile.headerLength, with: Array("PACK".utf8) + [0, 0, 0, 2, 0, 0, 0, UInt8(entries.count)])
      let pack = try open(bytes, entries)
      let (none, small) = (PackFile.Cache(capacity: 0), PackFile.Cache(capacity: 10_000))
      for position in 0..<pack.index.count {
        let first = object(pack, position, none)
        try promise(first?.bytes.count ?? 0 <= limit, "an object above the limit")
        try promise(object(pack, position, small) == first, "another object with a cache")
        try promise(object(pack, position, small) == first, "another object from the cache")
        try promise(small.used <= small.capacity, "\(small.used) bytes in the cache")
        guard let first else { continue }
        let header = try pack.kindAndSize(at: position)
        try promise(header.kind == first.kind && header.size == first.bytes.count, "another kind or size: \(header)")
        _ = pack.storedEntry(at: position)
      }
    }

    private static let limit = 1 << 16

    /// The files are gone at once: they are mapped.
    private static func open(_ bytes: [UInt8], _ entries: [PackIndex.Entry]) throws -> PackFile {
      let base = "/tmp/lares-fuzz-\(getpid())"
      defer { for ending in [".pack", ".idx"] { unlink(base + ending) } }
      let index = try PackIndex.serialize(entries, packChecksum: ObjectID(.sha1, Array(bytes.suffix(20))), .sha1)
      try File.replace(base + ".pack", with: bytes, durable: false)
      try File.replace(base + ".idx", with: index, durable: false)
      return try PackFile(path: base, .sha1)
    }

    private static func object(_ pack: PackFile, _ position: Int, _ cache: PackFile.Cache) -> GitObject? {
      try? pack.object(at: position, cache, limit: limit)
    }

    /// The entries that follow each other, with right checksums, so that nothing stops a reader early. The n-th is named
    /// by 20 bytes n.
    private static func entries(_ bytes: [UInt8]) -> [PackIndex.Entry] {
      var entries: [PackIndex.Entry] = []
      var offset = PackFile.headerLength
      bytes.withUnsafeBytes { bytes in
        let end = bytes.count - ObjectFormat.sha1.length
        while entries.count < 100, offset < end {
          let rest = UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
          guard let entry = try? PackEntry(parsing: rest, .sha1), entry.size <= limit else { return }
          let data = UnsafeRawBufferPointer(rebasing: rest[entry.headerLength...])
          guard let (_, consumed) = try? Deflate.decompress(data, size: entry.size) else { return }
          let id = ObjectID(.sha1, Array(repeating: UInt8(entries.count), count: 20))
          let length = entry.headerLength + consumed
          let crc = PackEntry.crc(UnsafeRawBufferPointer(rebasing: rest[..<length]))
          entries.append(PackIndex.Entry(id: id, crc: crc, offset: offset))
          offset += length
        }
      }
      return entries
    }
  }
#endif
