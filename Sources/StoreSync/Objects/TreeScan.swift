import GitFormat
import VersionedStore

/// Goes over the entries of a tree object without making a value of each name.
enum TreeScan {
  /// An entry as it stands in the bytes.
  struct Entry {
    var name: Range<Int>
    var kind: ObjectKind
    var id: ObjectID
  }

  /// Calls back for each entry that names an object of this repository; submodules are passed over.
  static func entries(
    of bytes: [UInt8], _ format: ObjectFormat, _ body: (Entry) throws(StoreError) -> Void
  ) throws(StoreError) {
    var position = 0
    while position < bytes.count {
      guard let entry = next(bytes, &position, format) else {
        throw .malformed(FormatError("tree object", "the entry at byte \(position) is cut off or malformed"))
      }
      if entry.isSubmodule { continue }
      try body(Entry(name: entry.name, kind: entry.isTree ? .tree : .blob, id: entry.id))
    }
  }

  private static func next(
    _ bytes: [UInt8], _ position: inout Int, _ format: ObjectFormat
  ) -> (name: Range<Int>, isTree: Bool, isSubmodule: Bool, id: ObjectID)? {
    var index = position
    var mode: UInt32 = 0
    while index < bytes.count, bytes[index] != UInt8(ascii: " ") {
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(bytes[index]), index - position < 7 else { return nil }
      mode = mode << 3 | UInt32(bytes[index] - UInt8(ascii: "0"))
      index += 1
    }
    let start = index + 1
    guard start <= bytes.count, let end = bytes[start...].firstIndex(of: 0), end > start,
      bytes.count - end - 1 >= format.length
    else { return nil }
    position = end + 1 + format.length
    let id = ObjectID(format, bytes.span.bytes.extracting(end + 1..<position))
    let type = mode & 0o170000
    return (start..<end, type == 0o040000, type == 0o160000, id)
  }
}
