import GitFormat

extension FuzzTarget {
  /// Deltas: what is applied is bounded and of the size that was said, and what is made is applied to the same bytes.
  static let delta = FuzzTarget("git-delta") { input in
    guard let split = input.first.map(Int.init), split < input.count else { return }
    let base = Array(input[1...split]), rest = Array(input[(split + 1)...])
    let limit = 1 << 16
    func apply(_ delta: [UInt8]) throws -> [UInt8] {
      try delta.withUnsafeBytes { delta in try base.withUnsafeBytes { try Delta.apply(delta, to: $0, limit: limit) } }
    }
    if let target = try? apply(rest) {
      try promise(target.count <= limit, "\(target.count) bytes")
      let header = try rest.withUnsafeBytes { try Delta.Header(parsing: $0) }
      try promise(header.targetSize == target.count && header.baseSize == base.count, "another size: \(header)")
    }
    let most = rest.count + rest.count / 127 + 32
    guard let delta = Delta.Index(base).delta(to: rest, limit: most) else {
      throw BrokenPromise(description: "no delta of \(rest.count) bytes below \(most)")
    }
    try promise(try apply(delta) == rest, "a delta that was made makes something else")
    if let smaller = Delta.Index(base).delta(to: rest, limit: delta.count - 1) {
      try promise(smaller.count < delta.count, "a delta above its limit")
    }
  }

  /// Headers of entries: what is read is written and read again the same.
  static let packEntry = FuzzTarget("pack-entry") { bytes in
    for format in ObjectFormat.allCases {
      guard let entry = try? bytes.withUnsafeBytes({ try PackEntry(parsing: $0, format) }) else { continue }
      try promise(entry.size >= 0 && entry.headerLength <= min(bytes.count, PackEntry.longestHeader), "\(entry)")
      var written: [UInt8] = []
      PackEntry.appendHeader(entry.content, size: entry.size, to: &written)
      var again = try written.withUnsafeBytes { try PackEntry(parsing: $0, format) }
      try promise(again.headerLength == written.count, "another length: \(again)")
      again.headerLength = entry.headerLength
      try promise(again == entry, "written as another one: \(again), \(entry)")
    }
  }

  /// Indexes: whatever they say, every lookup ends, and what is found is what was looked for.
  static let packIndex = FuzzTarget("pack-index") { bytes in
    for format in ObjectFormat.allCases {
      try bytes.withUnsafeBytes { bytes in
        guard let index = try? PackIndex(bytes, format) else { return }
        try promise(index.count <= bytes.count / (format.length + 8), "\(index.count) objects")
        for position in 0..<index.count {
          let id = index.id(at: position)
          if let found = index.position(of: id) { try promise(index.id(at: found) == id, "another one than \(id)") }
          try promise(index.offset(at: position) >= 0, "an offset below 0")
          _ = index.crc(at: position)
        }
        let prefix = Array("7f".utf8)
        try promise(index.positions(hexPrefix: prefix).upperBound <= index.count, "positions beyond the end")
        _ = (index.packChecksum, try? index.verify())
      }
    }
  }
}
