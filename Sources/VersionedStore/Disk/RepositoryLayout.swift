import GitFormat
import Glibc
import HostSystem

/// The files of a new repository, and what an existing one says of itself.
enum RepositoryLayout {
  /// What makes stock Git durable and careful too (git-config).
  private static func configuration(_ format: ObjectFormat) -> String {
    """
    [core]
    \trepositoryformatversion = \(format == .sha1 ? 0 : 1)
    \tfilemode = true
    \tbare = true
    \tfsync = all
    \tfsyncMethod = fsync
    \tlogAllRefUpdates = always
    \tfilesRefLockTimeout = 60000
    \tpackedRefsTimeout = 60000
    \(format == .sha1 ? "" : "[extensions]\n\tobjectFormat = sha256\n")[transfer]
    \tfsckObjects = true
    [receive]
    \tdenyNonFastForwards = true
    \tdenyDeletes = true
    [gc]
    \tauto = 0
    \tpruneExpire = 2.weeks.ago

    """
  }

  /// Makes a bare repository at a path that does not exist yet, or is an empty folder.
  static func create(_ folder: String, format: ObjectFormat, head: RefName, layer: FileLayer) throws(StoreError) {
    guard File.list(folder).isEmpty else { throw .invalid("\(folder) is not empty") }
    try onDisk { () throws(SystemError) in
      let parent = File.folderName(of: folder)
      try layer.makeFolder(folder)
      for name in ["objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags", "logs", "lares"] {
        try layer.makeFolder("\(folder)/\(name)")
      }
      try Journal.create("\(folder)/lares/journal", layer: layer)
      try makeLock(folder, layer)
      try layer.create("\(folder)/config", with: Array(configuration(format).utf8), sync: .newFile)
      // Last: with it the folder is a repository.
      try layer.create("\(folder)/HEAD", with: Array("ref: \(head)\n".utf8), sync: .newFile)
      for name in ["/objects", "/refs", "/lares", ""] { try layer.syncFolder(folder + name, .newFolder) }
      try layer.syncFolder(parent, .newFolder)
    }
  }

  /// What counts is which file it is; nobody reads it but people, so its bytes need no sync.
  private static func makeLock(_ folder: String, _ layer: FileLayer) throws(SystemError) {
    try layer.create("\(folder)/lares/lock", with: Array("Locks that are links to this file are ours.\n".utf8))
  }

  /// Gives a repository that stock Git made what ours needs besides.
  static func adopt(_ folder: String, layer: FileLayer) throws(StoreError) {
    try onDisk { () throws(SystemError) in
      for name in ["lares", "logs", "objects/pack"] { try layer.makeFolder("\(folder)/\(name)") }
      if !File.isThere("\(folder)/lares/journal") { try Journal.create("\(folder)/lares/journal", layer: layer) }
      if !File.isThere("\(folder)/lares/lock") { try makeLock(folder, layer) }
      for name in ["/lares", "/objects", ""] { try layer.syncFolder(folder + name, .newFolder) }
    }
  }

  /// Reads the format of a repository from its configuration.
  ///
  /// - Throws: `.invalid` where it is none, or of a kind that is not understood.
  static func format(of folder: String) throws(StoreError) -> ObjectFormat {
    let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent(folder + "/config") }
    guard let bytes, File.isFolder(folder + "/objects"), File.isThere(folder + "/HEAD") else {
      throw .invalid("\(folder) is not a bare Git repository")
    }
    let settings = GitConfiguration(String(decoding: bytes, as: UTF8.self))
    let known: Set = ["objectformat", "noop", "preciousobjects", "partialclone", "worktreeconfig"]
    if settings["core.repositoryformatversion"] ?? "0" != "0" {
      if let other = settings.keys(of: "extensions").first(where: { !known.contains($0) }) {
        throw .invalid("\(folder) uses Git's extension \(other), which is not understood here")
      }
    }
    let name = settings["extensions.objectformat"] ?? "sha1"
    guard let format = ObjectFormat(rawValue: name) else {
      throw .invalid("\(folder) names objects by \(name), which is not understood here")
    }
    return format
  }
}

/// As much of Git's configuration syntax as a repository's own file needs: sections and values (git-config, "Syntax").
struct GitConfiguration {
  private var values: [String: String] = [:]

  init(_ text: String) {
    var section = ""
    for line in text.split(separator: "\n") {
      let line = line.drop { $0 == " " || $0 == "\t" }
      if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
        section = line[line.index(after: line.startIndex)..<end].lowercased()
      } else if let equals = line.firstIndex(of: "="), !line.hasPrefix("#"), !line.hasPrefix(";") {
        let key = line[..<equals].filter { $0 != " " && $0 != "\t" }.lowercased()
        let value = line[line.index(after: equals)...].drop { $0 == " " || $0 == "\t" }
        values["\(section).\(key)"] = String(value.prefix { $0 != " " && $0 != "\t" && $0 != "\r" })
      }
    }
  }

  /// The last value of a key such as `core.bare`, in lower case.
  subscript(key: String) -> String? { values[key] }

  func keys(of section: String) -> [String] {
    values.keys.filter { $0.hasPrefix(section + ".") }.map { String($0.dropFirst(section.count + 1)) }
  }
}
