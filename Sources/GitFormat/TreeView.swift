import Glibc

/// Reads the entries of a tree object one after the other where they stand, copying nothing.
public struct TreeView: ~Escapable {
  private let bytes: RawSpan
  private let format: ObjectFormat
  /// Where the entry after the current one begins.
  private var end = 0

  /// The current entry, once `advance` has returned true.
  public private(set) var mode = FileMode.file
  /// Where its mode's digits and its name stand in the tree's bytes.
  public private(set) var modeRange = 0..<0
  public private(set) var nameRange = 0..<0

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan, _ format: ObjectFormat) {
    self.bytes = bytes
    self.format = format
  }

  /// Goes to the next entry; false where there is none.
  ///
  /// - Throws: where an entry is cut off, its mode is unknown, or its name is empty or has a slash.
  @_lifetime(self: copy self)
  public mutating func advance() throws(FormatError) -> Bool {
    let start = end
    guard start < bytes.byteCount else { return false }
    guard let (mode, space) = mode(at: start) else {
      throw FormatError("tree object", "the mode at byte \(start) is unknown")
    }
    let length = bytes.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[(space + 1)...]).offset(of: 0) }
    guard let length, length > 0 else {
      throw FormatError("tree object", "the name at byte \(space + 1) is empty or has no end")
    }
    self.mode = mode
    modeRange = start..<space
    nameRange = (space + 1)..<(space + 1 + length)
    end = nameRange.upperBound + 1 + format.length
    guard end <= bytes.byteCount else {
      throw FormatError("tree object", "it ends inside the entry at byte \(start)")
    }
    guard !bytes.withUnsafeBytes({ UnsafeRawBufferPointer(rebasing: $0[nameRange]).contains(UInt8(ascii: "/")) }) else {
      throw FormatError("tree object", "the name at byte \(space + 1) has a slash")
    }
    return true
  }

  /// The current entry's object.
  public var id: ObjectID { ObjectID(format, bytes.extracting((nameRange.upperBound + 1)..<end)) }

  public var name: EntryName { EntryName(bytes.withUnsafeBytes { Array($0[nameRange]) }) }

  public var entry: TreeEntry { TreeEntry(name, mode, id) }

  /// Goes on to the entry with a name, and no farther than where it would have to be; nil where there is none.
  ///
  /// - Throws: as `advance`, of what is before that place.
  @_lifetime(self: copy self)
  public mutating func find(_ name: EntryName) throws(FormatError) -> TreeEntry? {
    while try advance() {
      let order = bytes.withUnsafeBytes { bytes in
        name.bytes.withUnsafeBytes { wanted in
          let here = UnsafeRawBufferPointer(rebasing: bytes[nameRange])
          let common = min(here.count, wanted.count)
          let order = memcmp(here.baseAddress!, wanted.baseAddress ?? here.baseAddress!, common)
          return (prefix: order, length: here.count - wanted.count)
        }
      }
      if order.prefix == 0 && order.length == 0 { return TreeEntry(name, mode, id) }
      // A directory's name counts with a slash, so one that begins like the wanted one may stand before it.
      if order.prefix > 0 { return nil }
    }
    return nil
  }

  /// Reads up to six octal digits and the space after them.
  private func mode(at start: Int) -> (FileMode, space: Int)? {
    var value: UInt32 = 0
    for index in start..<min(start + 7, bytes.byteCount) {
      let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      if byte == UInt8(ascii: " ") { return index > start ? FileMode(number: value).map { ($0, index) } : nil }
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte) else { return nil }
      value = value << 3 | UInt32(byte - UInt8(ascii: "0"))
    }
    return nil
  }
}
