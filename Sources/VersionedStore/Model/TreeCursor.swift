import GitFormat
import Glibc

/// A walk over the bytes of a tree object, entry by entry, that copies nothing and knows buckets.
///
/// `TreeView` in GitFormat reads the same. This one takes half its time, for it is compiled into the loops here and
/// reads names and modes eight bytes at a time; lookups and changes of directories are little else.
struct TreeCursor: ~Escapable {
  private let bytes: RawSpan
  private let format: ObjectFormat
  /// Where the next entry starts.
  private(set) var offset = 0
  /// Where the entry that `next` came to starts, and where its name does and ends.
  private(set) var start = 0
  private var nameStart = 0
  private var nameEnd = 0
  private(set) var mode = FileMode.tree
  /// The mode is not spelled as Git spells it now.
  private(set) var hasOddMode = false

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, _ format: ObjectFormat) {
    self.bytes = bytes
    self.format = format
  }

  /// Goes to the next entry; false at the end.
  ///
  /// - Throws: as `TreeObject.parse`.
  @_lifetime(self: copy self)
  mutating func next() throws(StoreError) -> Bool {
    guard offset < bytes.byteCount else { return false }
    start = offset
    hasOddMode = false
    try readMode()
    try readName()
    guard bytes.byteCount - nameEnd > format.length else {
      throw malformed("it ends inside the entry at byte \(start)")
    }
    offset = nameEnd + 1 + format.length
    return true
  }

  /// Goes to just before the first entry with a name, faster than `next` comes there: what is passed over is not looked at
  /// closely. Stays where it is if there is none, and where something is not as Git writes it: then `next` tells.
  @_lifetime(self: copy self)
  mutating func skip(to wanted: RawSpan) {
    // Its first eight bytes, or all of it and the zero behind it.
    var (first, mask) = (UInt64(0), UInt64.max)
    for position in 0..<min(wanted.byteCount, 8) {
      first |= UInt64(wanted.unsafeLoad(fromByteOffset: position, as: UInt8.self)) << UInt64(position * 8)
    }
    if wanted.byteCount < 8 { mask >>= UInt64(56 - wanted.byteCount * 8) }
    // Behind a mode, a letter, a zero and a hash stand at least 28 bytes.
    var place = offset
    while bytes.byteCount - place >= 28 {
      // The space behind the mode.
      let mode = word(at: place)
      let name = mode >> 40 & 0xFF == 0x20 ? place + 6 : place + 7
      guard name == place + 6 || mode >> 48 & 0xFF == 0x20 else { return }
      var end = name
      var word = word(at: end)
      if word & mask == first {
        let rest = bytes.byteCount - name
        if wanted.byteCount < 8
          || rest > wanted.byteCount
            && bytes.unsafeLoad(fromByteOffset: name + wanted.byteCount, as: UInt8.self) == 0
            && bytes.extracting(name..<(name + wanted.byteCount)).commonPrefix(wanted) == wanted.byteCount
        {
          offset = place
          return
        }
      }
      var zeros = Self.zeroBytes(word)
      while zeros == 0 {
        end += 8
        guard bytes.byteCount - end >= 8 else { return }
        word = self.word(at: end)
        zeros = Self.zeroBytes(word)
      }
      place = end + zeros.trailingZeroBitCount / 8 + 1 + format.length
    }
  }

  /// Eight bytes, which the caller knows to be there.
  private func word(at place: Int) -> UInt64 {
    UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: UInt64.self))
  }

  /// Goes on with the entry that starts at a place; `next` comes to it.
  @_lifetime(self: copy self)
  mutating func move(to start: Int) { offset = start }

  /// The bytes from this entry on.
  var rest: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(start...) }
  }

  var name: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(nameStart..<nameEnd) }
  }

  var id: ObjectID { ObjectID(format, bytes.extracting((nameEnd + 1)..<offset)) }
  var entryName: EntryName { EntryName(name.array) }
  var entry: TreeEntry { entry(named: entryName) }
  /// The entry, for one who has its name at hand.
  func entry(named name: EntryName) -> TreeEntry { TreeEntry(name, mode, id) }

  /// The number of the bucket that the entry is; nil where it is an entry as any other.
  var bucket: Int? {
    guard mode.isTree, nameEnd - nameStart == 8 else { return nil }
    return name.withUnsafeBytes { EntryName.bucketNumber($0) }
  }

  @_lifetime(self: copy self)
  private mutating func readMode() throws(StoreError) {
    // The shortest entry has more than eight bytes: a mode, a letter and a hash.
    guard bytes.byteCount - offset > 8 else { throw malformed("it ends inside the entry at byte \(start)") }
    let word = word(at: offset)
    switch word & 0xFF_FFFF_FFFF_FFFF {
    case Self.file: mode = .file
    case Self.executable: mode = .executable
    case Self.link: mode = .link
    case Self.commit: mode = .commit
    default:
      guard word & 0xFFFF_FFFF_FFFF == Self.tree else { return try readOddMode() }
      mode = .tree
      nameStart = offset + 6
      return
    }
    nameStart = offset + 7
  }

  /// A mode with leading zeros, or of an old writer.
  @_lifetime(self: copy self)
  private mutating func readOddMode() throws(StoreError) {
    var value: UInt32 = 0
    for position in offset..<(offset + 7) {
      let byte = bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
      if byte == UInt8(ascii: " "), let known = FileMode(rawValue: value == 0o100664 ? 0o100644 : value) {
        mode = known
        hasOddMode = true
        nameStart = position + 1
        return
      }
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte) else { break }
      value = value << 3 | UInt32(byte - UInt8(ascii: "0"))
    }
    throw malformed("the mode at byte \(start) is unknown")
  }

  @_lifetime(self: copy self)
  private mutating func readName() throws(StoreError) {
    var position = nameStart
    // Eight bytes at a time: the lowest marked byte is the first zero.
    while bytes.byteCount - position >= 8 {
      let word = word(at: position)
      let zeros = Self.zeroBytes(word)
      let slashes = Self.zeroBytes(word ^ 0x2F2F_2F2F_2F2F_2F2F)
      if zeros != 0 {
        nameEnd = position + zeros.trailingZeroBitCount / 8
        guard nameEnd > nameStart else { break }
        guard slashes.trailingZeroBitCount > zeros.trailingZeroBitCount else {
          throw malformed("the name at byte \(nameStart) has a slash")
        }
        return
      }
      guard slashes == 0 else { throw malformed("the name at byte \(nameStart) has a slash") }
      position += 8
    }
    // A hash of twenty bytes follows a name's end, so the end is never in the last eight bytes of a whole tree.
    throw malformed("the name at byte \(nameStart) is empty or has no end")
  }

  private static func zeroBytes(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }

  private func malformed(_ why: String) -> StoreError { .malformed(FormatError("tree object", why)) }

  // The modes that Git writes, with the space behind them, as little-endian words.
  private static let tree: UInt64 = 0x20_3030_3030_34
  private static let file: UInt64 = 0x20_3434_3630_3031
  private static let executable: UInt64 = 0x20_3535_3730_3031
  private static let link: UInt64 = 0x20_3030_3030_3231
  private static let commit: UInt64 = 0x20_3030_3030_3631
}

extension RawSpan {
  var array: [UInt8] { withUnsafeBytes { Array($0) } }

  /// How many bytes two have in common before they differ.
  func commonPrefix(_ other: RawSpan) -> Int {
    let count = Swift.min(byteCount, other.byteCount)
    var position = 0
    while count - position >= 8 {
      let difference =
        UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
        ^ UInt64(littleEndian: other.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
      guard difference == 0 else { return position + difference.trailingZeroBitCount / 8 }
      position += 8
    }
    while position < count,
      unsafeLoad(fromByteOffset: position, as: UInt8.self) == other.unsafeLoad(fromByteOffset: position, as: UInt8.self)
    { position += 1 }
    return position
  }

  /// Below, at or above zero as the bytes come before, are, or come after others.
  func compare(_ other: RawSpan) -> Int32 {
    withUnsafeBytes { a in
      other.withUnsafeBytes { b in
        let common = min(a.count, b.count)
        if let a = a.baseAddress, let b = b.baseAddress, common > 0 {
          let order = memcmp(a, b, common)
          if order != 0 { return order }
        }
        return a.count < b.count ? -1 : a.count > b.count ? 1 : 0
      }
    }
  }

  func isEqual(_ other: RawSpan) -> Bool { byteCount == other.byteCount && compare(other) == 0 }

  /// Whether an entry with this name stands before another in a tree: a directory's name counts as if it ended in a
  /// slash (base_name_compare).
  func precedes(isTree: Bool, _ other: RawSpan, isTree otherIsTree: Bool) -> Bool {
    withUnsafeBytes { a in
      other.withUnsafeBytes { b in
        let common = min(a.count, b.count)
        if let a = a.baseAddress, let b = b.baseAddress, common > 0 {
          let order = memcmp(a, b, common)
          if order != 0 { return order < 0 }
        }
        let next = a.count > common ? a[common] : isTree ? UInt8(ascii: "/") : 0
        let otherNext = b.count > common ? b[common] : otherIsTree ? UInt8(ascii: "/") : 0
        return next < otherNext
      }
    }
  }
}
