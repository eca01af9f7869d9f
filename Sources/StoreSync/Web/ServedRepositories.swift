import GitFormat
import Glibc
import HostSystem
import Synchronization
public import VersionedStore

/// The repositories that a server has, by the names in its addresses, and what their files of rights say.
public final class ServedRepositories: Sendable {
  private let folder: String
  /// The one repository where it is no folder of several.
  private let only: String?
  private let folderRights: CachedFile<RightsFile>?
  private let open = Mutex<[String: Opened]>([:])
  private let now: @Sendable () -> Int64

  private struct Opened: Sendable {
    var backend: GitBackend
    var rights: CachedFile<RightsFile>
  }

  /// Repositories that are kept open while nobody uses them.
  private static let openLimit = 32

  /// - Parameters:
  ///   - path: a repository, which is served by its own name, or a folder of repositories, which are served by their paths
  ///     below it, with or without `.git` at the end.
  ///   - now: the clock, seconds since 1970.
  /// - Throws: `.invalid` where there is no such folder.
  public init(_ path: String, now: @escaping @Sendable () -> Int64) throws(StoreError) {
    guard let resolved = realpath(path, nil) else {
      throw .system(SystemError("looking for \(path)"))
    }
    defer { free(resolved) }
    let path = String(cString: resolved)
    self.now = now
    if Self.isRepository(path) {
      folder = File.folderName(of: path)
      only = String(path.split(separator: "/").last ?? "")
      folderRights = nil
    } else {
      folder = path
      only = nil
      let file = "\(path)/\(RightsFile.name)"
      folderRights = CachedFile(file) { try RightsFile(parsing: $0, file: file) }
    }
  }

  /// A repository, and what somebody may do with it.
  public struct Served: Sendable {
    public var backend: any Backend
    public var access: Access
    public var policy: ServerPolicy
  }

  /// A repository as somebody may use it; nil where there is none of that name, or nothing in it for that somebody.
  ///
  /// - Throws: `.invalid` where a file of rights is wrong: then nobody gets anything.
  public func repository(_ name: String, for principal: Principal) throws(StoreError) -> Served? {
    guard let (name, path) = place(of: name) else { return nil }
    let opened = try opened(path)
    let files = [try Self.value(of: folderRights), try Self.value(of: opened.rights)].compactMap(\.self)
    var allowed = Rights().access(of: principal, to: name)
    for file in files { allowed = allowed.adding(file.rights.access(of: principal, to: name)) }
    guard !allowed.isEmpty else { return nil }
    let mails = files.first { $0.mails[principal] != nil }?.mails(of: principal) ?? RightsFile().mails(of: principal)
    let policy = ServerPolicy(
      allowed, mails: mails, requiresOwnCommitter: files.contains(where: \.requiresOwnCommitter), of: opened.backend,
      now: now)
    return Served(backend: opened.backend, access: allowed, policy: policy)
  }

  private static func value(of file: CachedFile<RightsFile>?) throws(StoreError) -> RightsFile? {
    do { return try file?.value() } catch { throw .invalid("\(error)") }
  }

  // MARK: Names

  /// The repository's name, as rights have it, and its folder; nil where no such repository is served.
  private func place(of name: String) -> (name: String, path: String)? {
    let plain = name.hasSuffix(".git") ? String(name.dropLast(4)) : name
    let parts = plain.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.isEmpty, parts.count <= 16, parts.allSatisfy({ Self.isName($0) }) else { return nil }
    var way = folder
    for part in parts.dropLast() {
      way += "/\(part)"
      // What is in a repository is none.
      guard !part.hasSuffix(".git"), !Self.isRepository(way) else { return nil }
    }
    for candidate in ["\(parts[parts.count - 1]).git", String(parts[parts.count - 1])] {
      if let only, parts.count > 1 || candidate != only { continue }
      let path = "\(way)/\(candidate)"
      if Self.isRepository(path) { return (plain, path) }
    }
    return nil
  }

  /// One part of a name in an address: what can be no way out of the folder, and is no hidden file.
  private static func isName(_ part: Substring) -> Bool {
    !part.isEmpty && part.utf8.count <= 200 && part.first != "." && part.first != "-"
      && part.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }
  }

  private static func isRepository(_ path: String) -> Bool {
    access("\(path)/HEAD", F_OK) == 0 && access("\(path)/objects", F_OK) == 0
  }

  private func opened(_ path: String) throws(StoreError) -> Opened {
    if let known = open.withLock({ $0[path] }) { return known }
    let backend = try GitBackend(opening: path)
    let file = "\(path)/lares/\(RightsFile.name)"
    let new = Opened(
      backend: backend, rights: CachedFile(file) { try RightsFile(parsing: $0, file: file, ofFolder: false) })
    return open.withLock { open in
      if let known = open[path] { return known }
      if open.count >= Self.openLimit { open = [:] }
      open[path] = new
      return new
    }
  }
}
