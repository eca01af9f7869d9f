public import GitFormat
import Glibc
import HostSystem

/// A clone that stock Git made, with a working tree: its objects and what is checked out, to be read. Nothing is written
/// into it.
public struct GitClone: ObjectReader {
  public let format: ObjectFormat
  public let chunkLimits: ChunkLimits
  /// With HEAD; of a further working tree not the folder of the repository.
  private let folder: String
  /// With objects and references (gitrepository-layout, `commondir`).
  private let common: String
  private let objects: PackSet

  /// Finds the repository of a working tree as `git` does: GIT_DIR, else `.git`, which may be a file that names a folder.
  ///
  /// - Parameters:
  ///   - workTree: the top of the working tree, where Git runs its filters.
  ///   - environment: looks up an environment variable.
  /// - Throws: `.invalid` where there is no repository.
  public init(
    workTree: String, limits: ChunkLimits = .standard, environment: (String) -> String?
  ) throws(StoreError) {
    func from(_ base: String, _ path: String) -> String { path.hasPrefix("/") ? path : "\(base)/\(path)" }
    var folder = from(workTree, environment("GIT_DIR") ?? ".git")
    if !File.isFolder(folder), let line = try Self.line(folder), line.hasPrefix("gitdir: ") {
      folder = from(File.folderName(of: folder), String(line.dropFirst(8)))
    }
    self.folder = folder
    common = try Self.line(folder + "/commondir").map { from(folder, $0) } ?? folder
    format = try RepositoryLayout.format(of: common)
    let objects = environment("GIT_OBJECT_DIRECTORY").map { from(workTree, $0) } ?? common + "/objects"
    self.objects = PackSet(objects: objects, format)
    chunkLimits = limits
  }

  /// The first line of a file; nil where there is none.
  private static func line(_ path: String) throws(StoreError) -> String? {
    let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent(path) }
    return bytes.map { String(decoding: $0.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self) }
  }

  /// What is checked out; nil where there is no commit yet.
  ///
  /// - Throws: as `Commit`.
  public func head() throws(StoreError) -> Commit? {
    guard let line = try Self.line(folder + "/HEAD") else { return nil }
    let id: ObjectID?
    if line.hasPrefix("ref: ") {
      let references = References(folder: common, format: format, layer: .system)
      id = try RefName(String(line.dropFirst(5))).flatMap { name throws(StoreError) in try references.read(name) }
    } else {
      id = ObjectID(format, hex: line)
    }
    return try id.map { id throws(StoreError) in try Commit(id, in: self) }
  }

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    guard let object = try objects.object(id) else { throw .missing(id) }
    return object
  }

  public func contains(_ id: ObjectID) throws(StoreError) -> Bool { objects.contains(id) }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    guard let found = try objects.kindAndSize(id) else { throw .missing(id) }
    return found
  }
}
