/// The full name of a reference: `HEAD`, `refs/heads/main`. Always one that Git accepts (git-check-ref-format).
public struct RefName: Hashable, Sendable {
  public let text: String

  /// nil where Git would refuse the name, or where it is neither `HEAD` nor under `refs/`.
  public init?(_ text: String) {
    var text = text
    text.makeContiguousUTF8()
    guard text.utf8.elementsEqual("HEAD".utf8) || Self.isWellFormed(Array(text.utf8)) else { return nil }
    self.text = text
  }

  public static let head = RefName(known: "HEAD")

  /// `refs/heads/<name>`; nil where that is no reference.
  public static func branch(_ name: String) -> RefName? { RefName("refs/heads/" + name) }

  private init(known text: String) { self.text = text }

  /// The part after `refs/heads/`; nil for what is no branch.
  public var branchName: String? {
    text.utf8.starts(with: "refs/heads/".utf8) ? String(text.utf8.dropFirst(11)) : nil
  }

  /// Whether one of two names would have to be a folder where the other is a file: both cannot be in one repository.
  public func excludes(_ other: RefName) -> Bool {
    let slash = [UInt8(ascii: "/")]
    return text.utf8.starts(with: Array(other.text.utf8) + slash)
      || other.text.utf8.starts(with: Array(text.utf8) + slash)
  }

  /// How many bytes a name has at most, and each part of it: file systems have bounds, and locks have longer names.
  public static let (longest, longestPart) = (1_024, 200)

  /// The rules of git-check-ref-format(1), and the two above.
  private static func isWellFormed(_ name: [UInt8]) -> Bool {
    guard name.count <= longest, name.starts(with: "refs/".utf8), name.last != UInt8(ascii: ".") else { return false }
    guard name.allSatisfy({ $0 > 0x20 && $0 != 0x7F && !forbidden.contains($0) }) else { return false }
    let isPaired = zip(name, name.dropFirst()).contains { first, second in
      first == UInt8(ascii: ".") && second == UInt8(ascii: ".")
        || first == UInt8(ascii: "@") && second == UInt8(ascii: "{")
    }
    return !isPaired
      && name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
        !part.isEmpty && part.count <= longestPart && part.first != UInt8(ascii: ".")
          && !part.suffix(5).elementsEqual(".lock".utf8)
      }
  }

  private static let forbidden = Array("~^:?*[\\".utf8)
}

// Git compares bytes. Two spellings of one letter are two names, which String would take for one.
extension RefName: Comparable, CustomStringConvertible {
  public static func == (left: Self, right: Self) -> Bool {
    left.text.utf8.withContiguousStorageIfAvailable { left in
      right.text.utf8.withContiguousStorageIfAvailable { left.elementsEqual($0) } ?? false
    } ?? false
  }
  public func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
  public static func < (left: Self, right: Self) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }
  public var description: String { text }
}
