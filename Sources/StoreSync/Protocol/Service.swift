/// The two programs of Git's protocol.
public enum Service: String, Sendable {
  /// Gives objects: clone, fetch.
  case uploadPack = "git-upload-pack"
  /// Takes objects and changes references: push.
  case receivePack = "git-receive-pack"
}

/// How client and server speak (gitprotocol-pack, "Extra Parameters").
public enum ProtocolVersion: Int, Sendable {
  /// References first, then negotiation.
  case zero = 0
  /// As version 0, after a line that says so.
  case one = 1
  /// Commands (gitprotocol-v2).
  case two = 2

  /// What a client asks for in GIT_PROTOCOL or the Git-Protocol header: `version=2:other=words`. The greatest known
  /// version counts; without any it is 0.
  public init(asked parameters: String?) {
    let versions = (parameters ?? "").split(separator: ":").compactMap { word in
      word.hasPrefix("version=") ? Int(word.dropFirst(8)).flatMap { ProtocolVersion(rawValue: $0) } : nil
    }
    self = versions.max { $0.rawValue < $1.rawValue } ?? .zero
  }
}

/// What this program calls itself towards the other side.
enum Agent {
  static let name = "lares/1"
}
