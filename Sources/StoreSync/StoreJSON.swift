public import GitFormat
public import VersionedStore

// What lists of the command line and the interface over HTTP have in common.

/// A path for JSON, which has no place for bytes that are no UTF-8.
public struct JSONPath: Encodable {
  var path: String
  /// In hexadecimal digits, where `path` cannot say it.
  var pathBytes: String?

  public init(_ path: Path) {
    let bytes = path.bytes
    self.path = String(decoding: bytes, as: UTF8.self)
    if String(validating: bytes, as: UTF8.self) == nil {
      pathBytes = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
  }
}

/// An entry of a directory for JSON.
public struct JSONEntry: Encodable {
  private var place: JSONPath
  private var mode: String
  private var id: String?

  public init(_ path: Path, _ mode: FileMode, _ id: ObjectID?) {
    place = JSONPath(path)
    self.mode = mode.word
    self.id = id?.hex
  }

  private enum Key: CodingKey { case mode, id }

  public func encode(to encoder: any Encoder) throws {
    try place.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(mode, forKey: .mode)
    try container.encode(id, forKey: .id)
  }
}

/// A file that has changed, for JSON.
public struct JSONChangedFile: Encodable {
  private var change: TreeChange

  public init(_ change: TreeChange) { self.change = change }

  private enum Key: CodingKey { case kind }

  public func encode(to encoder: any Encoder) throws {
    try JSONPath(change.path).encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(change.kind.word, forKey: .kind)
  }
}

/// A commit for JSON.
public struct JSONCommit: Encodable {
  struct Who: Encodable {
    var name: String
    var email: String
    /// Seconds since 1970.
    var time: Int64
    /// Minutes east of Greenwich.
    var zone: Int

    init(_ signature: Signature) {
      (name, email, time, zone) = (signature.name, signature.email, signature.time, signature.zone)
    }
  }

  var id: String
  var tree: String
  var parents: [String]
  var author: Who
  var committer: Who
  var message: String

  public init(_ commit: Commit) {
    id = commit.id.hex
    tree = commit.object.tree.hex
    parents = commit.parents.map(\.hex)
    author = Who(commit.author)
    committer = Who(commit.committer)
    message = commit.message
  }
}

extension FileMode {
  public var word: String {
    switch self {
    case .tree: "directory"
    case .file: "file"
    case .executable: "executable"
    case .link: "link"
    case .commit: "submodule"
    }
  }
}

extension TreeChange.Kind {
  public var word: String {
    switch self {
    case .added: "added"
    case .removed: "removed"
    case .changed: "updated"
    }
  }
}
