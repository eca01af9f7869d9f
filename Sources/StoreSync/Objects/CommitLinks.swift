import GitFormat
import VersionedStore

/// What a walk over history needs of a commit: where it leads, and when it was made.
struct CommitLinks {
  var tree: ObjectID
  var parents: [ObjectID]
  /// The committer's clock, seconds since 1970; 0 where it cannot be read, or is before that.
  var time: Int64

  /// Reads the first lines of a commit object; the message is not looked at.
  init(_ bytes: [UInt8], _ format: ObjectFormat) throws(StoreError) {
    var rest = bytes[...]
    func identifier(after key: String) -> ObjectID? {
      let length = key.utf8.count + format.digits
      guard rest.starts(with: key.utf8), rest.count > length,
        rest[rest.startIndex + length] == UInt8(ascii: "\n"),
        let id = ObjectID(format, hex: rest.dropFirst(key.utf8.count).prefix(format.digits))
      else { return nil }
      rest = rest.dropFirst(length + 1)
      return id
    }
    guard let tree = identifier(after: "tree ") else {
      throw .malformed(FormatError("commit object", "its first line names no tree"))
    }
    self.tree = tree
    parents = []
    while let parent = identifier(after: "parent ") { parents.append(parent) }
    time = 0
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")), end > rest.startIndex {
      if rest.starts(with: "committer ".utf8) {
        time = Self.time(rest[..<end])
        return
      }
      rest = rest[(end + 1)...]
    }
  }

  /// The number after the address.
  private static func time(_ line: ArraySlice<UInt8>) -> Int64 {
    guard let close = line.lastIndex(of: UInt8(ascii: ">")) else { return 0 }
    let word = line[(close + 1)...].split(separator: UInt8(ascii: " ")).first ?? []
    return max(Int64(String(decoding: Array(word), as: UTF8.self)) ?? 0, 0)
  }
}

extension ObjectReader {
  func commitLinks(_ id: ObjectID) throws(StoreError) -> CommitLinks { try CommitLinks(bytes(id, .commit), format) }
}
