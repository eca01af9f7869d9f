public import GitFormat
import Glibc
public import VersionedStore

/// Where a repository is.
public enum Remote: Sendable {
  /// In this process, or opened by it: served by our own code.
  case backend(any Backend, ServerPolicy)
  /// A folder, served by the `git` of this machine.
  case path(String)
  case ssh(SSHAddress)
  /// A URL that begins with `https://`, or with `http://` where the options allow that.
  case http(String)
}

/// A repository behind an SSH server.
public struct SSHAddress: Equatable, Sendable {
  public var user: String?
  public var host: String
  public var port: UInt16?
  public var path: String

  /// The host and user for `ssh`: `ada@nas.home.arpa`.
  var destination: String { (user.map { $0 + "@" } ?? "") + host }
}

extension Remote {
  /// Reads what people write: `https://host/path`, `ssh://user@host:22/path`, `user@host:path`, `file:///path`, `/path`.
  ///
  /// - Throws: `.invalid` for other sorts of addresses, and for those by which `ssh` or `git` would be given an option.
  public init(_ text: String) throws(StoreError) {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) || text.hasPrefix("/"),
      !text.utf8.contains(where: { $0 < 0x20 })
    else { throw .invalid("the address of a repository has no spaces or control characters") }
    if text.hasPrefix("https://") || text.hasPrefix("http://") {
      self = .http(text)
    } else if text.hasPrefix("ssh://") {
      self = .ssh(try Self.sshAddress(text.dropFirst(6), text))
    } else if text.hasPrefix("file://") {
      self = .path(try Self.checkedPath(String(text.dropFirst(7))))
    } else if text.contains("://") || text.contains("::") && !text.hasPrefix("/") && !text.hasPrefix(".") {
      throw .invalid("\(Text.readable(text.utf8)): repositories are reached by https, ssh or a path")
    } else if let colon = text.firstIndex(of: ":"), !text[..<colon].contains("/") {
      let path = String(text[text.index(after: colon)...])
      self = .ssh(try Self.sshAddress(user: text[..<colon], port: nil, path: path, text))
    } else {
      self = .path(try Self.checkedPath(text))
    }
  }

  /// Reads an address; a folder with a store of ours is served by our own code, in the name of this person.
  public init(_ text: String, openedBy person: Signature, now: @escaping @Sendable () -> Int64) throws(StoreError) {
    self = try Remote(text)
    guard case .path(let folder) = self, access("\(folder)/lares/journal", F_OK) == 0 else { return }
    self = .backend(try GitBackend(opening: folder), ServerPolicy(person: person, now: now))
  }

  private static func checkedPath(_ path: String) throws(StoreError) -> String {
    guard !path.isEmpty, !path.hasPrefix("-") else { throw .invalid("\(Text.readable(path.utf8)) is no path") }
    return path
  }

  private static func sshAddress(_ rest: Substring, _ text: String) throws(StoreError) -> SSHAddress {
    guard let slash = rest.firstIndex(of: "/") else { throw .invalid("\(text) has no path") }
    var authority = rest[..<slash]
    var port: UInt16?
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      port = UInt16(authority[authority.index(after: colon)...])
      guard port != nil else { throw .invalid("\(text): its port is no number from 0 to 65535") }
      authority = authority[..<colon]
    }
    var path = String(rest[slash...])
    if path.hasPrefix("/~") { path.removeFirst() }
    return try sshAddress(user: authority, port: port, path: path, text)
  }

  /// - Parameter user: `host` or `user@host`, an IPv6 address in brackets.
  private static func sshAddress(
    user authority: Substring, port: UInt16?, path: String, _ text: String
  ) throws(StoreError) -> SSHAddress {
    let at = authority.lastIndex(of: "@")
    let user = at.map { String(authority[..<$0]) }
    var host = String(at.map { authority[authority.index(after: $0)...] } ?? authority)
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    for part in [user ?? "u", host, path] where part.isEmpty || part.hasPrefix("-") {
      throw .invalid("\(Text.readable(text.utf8)): user, host and path must not be empty or begin with a hyphen")
    }
    return SSHAddress(user: user, host: host, port: port, path: path)
  }
}

/// How remotes are reached.
public struct RemoteOptions: Sendable {
  /// The program for SSH and its options. It is not asked for passwords: daemons have nobody to answer.
  public var sshCommand = ["ssh", "-o", "BatchMode=yes"]
  /// The program for paths.
  public var gitCommand = ["git"]
  /// The name and password for a host that asks for them; nil where there are none. Asked at most once a connection.
  public var credentials: @Sendable (_ host: String) -> Credentials? = { _ in nil }
  /// Whether `http://` may be used, which everybody on the way can read and change.
  public var allowsPlainHTTP = false
  /// A file of certificates to trust in place of the system's.
  public var certificateFile: String?
  /// How long a connection may stand still.
  public var idleSeconds = DescriptorStream.idleSeconds
  /// What the other side tells, and how far the work is; lines without control characters.
  public var progress: @Sendable (String) -> Void = { _ in }
  /// What is asked for; a server may answer by an older version.
  public var version = ProtocolVersion.two
  /// What is taken.
  public var limits = ReceiveLimits()

  public init() {}
}

/// A name and a password, for HTTP.
public struct Credentials: Sendable {
  public var user: String
  public var password: String

  public init(user: String, password: String) {
    self.user = user
    self.password = password
  }
}
