/// The four kinds of objects. Raw values are the type numbers of pack entries (gitformat-pack).
public enum ObjectKind: UInt8, Sendable, CaseIterable {
  case commit = 1
  case tree = 2
  case blob = 3
  case tag = 4

  /// The word in an object's header: `blob 12\0…`.
  public var word: StaticString {
    switch self {
    case .commit: "commit"
    case .tree: "tree"
    case .blob: "blob"
    case .tag: "tag"
    }
  }
}

extension ObjectKind: CustomStringConvertible {
  public var description: String { word.description }
}

/// An object without its name: what kind it is, and its bytes without the header.
public struct GitObject: Equatable, Sendable {
  public var kind: ObjectKind
  public var bytes: [UInt8]

  public init(_ kind: ObjectKind, _ bytes: [UInt8]) {
    self.kind = kind
    self.bytes = bytes
  }
}
