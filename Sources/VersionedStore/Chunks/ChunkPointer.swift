public import GitFormat

/// What stands at the path of a value in chunks: a small text, the same for equal values.
///
/// ```
/// lares-chunks 1
/// size 104857600
/// sha256 <64 digits: of the whole value>
/// tree <the tree of its chunks, 40 or 64 digits>
/// ```
///
/// It means its chunks only where their tree stands beside it, in `.lares-chunks` under the same name: else a text could
/// reach objects that its writer has no right to. Without that tree it is a text like any other.
public struct ChunkPointer: Hashable, Sendable {
  /// Bytes of the value; more than zero.
  public let size: Int
  /// The SHA-256 of the value's bytes, in repositories of both formats.
  public let sha256: ObjectID
  /// The tree of its chunks.
  public let tree: ObjectID

  private static let firstLine: StaticString = "lares-chunks 1\n"
  /// No pointer has more bytes.
  public static let longest = 200

  init(size: Int, sha256: ObjectID, tree: ObjectID) {
    self.size = size
    self.sha256 = sha256
    self.tree = tree
  }

  /// Reads a pointer whose tree is named by a format; nil where the bytes are none, to the last one.
  public init?(_ bytes: [UInt8], _ format: ObjectFormat) {
    guard bytes.count <= Self.longest, bytes.starts(with: Self.firstLine.bytes) else { return nil }
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.count == 5 else { return nil }
    func value(_ line: Int, _ key: String) -> ArraySlice<UInt8>? {
      lines[line].starts(with: key.utf8) ? lines[line].dropFirst(key.utf8.count) : nil
    }
    guard let digits = value(1, "size "), let hash = value(2, "sha256 "), let tree = value(3, "tree "),
      let size = Int(String(decoding: digits, as: UTF8.self)), size > 0,
      let sha256 = ObjectID(.sha256, hex: hash), let tree = ObjectID(format, hex: tree)
    else { return nil }
    self.init(size: size, sha256: sha256, tree: tree)
    // Numbers and hashes can be spelled in several ways; one of them counts.
    guard self.bytes == bytes else { return nil }
  }

  /// Reads a pointer of a repository of either format.
  public init?(_ bytes: [UInt8]) {
    for format in ObjectFormat.allCases {
      if let pointer = ChunkPointer(bytes, format) {
        self = pointer
        return
      }
    }
    return nil
  }

  /// The text.
  public var bytes: [UInt8] {
    Array("\(Self.firstLine)size \(size)\nsha256 \(sha256)\ntree \(tree)\n".utf8)
  }
}

extension StaticString {
  fileprivate var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
