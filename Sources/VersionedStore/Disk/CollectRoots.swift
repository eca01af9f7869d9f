import GitFormat
import Glibc
import HostSystem

/// What counts as in use, as `git gc` sees it.
struct CollectRoots {
  /// What references name: all of it has to be here.
  var references: Set<ObjectID> = []
  /// What reflogs and files such as ORIG_HEAD name: it may have gone already.
  var mentions: Set<ObjectID> = []
  /// The logs and files that were read.
  private(set) var files: [String: FileIdentity] = [:]
  /// There are working trees, whose indexes are not read here.
  private(set) var hasWorkingTrees = false

  /// - Parameter before: mentions are read only where a file has changed since.
  init(_ references: References, since before: CollectRoots? = nil) throws(StoreError) {
    let folder = references.folder
    self.references.formUnion(try references.all(under: "").values)
    var paths = File.list(folder).filter { $0.hasSuffix("HEAD") }
    var folders = ["logs"]
    while let next = folders.popLast() {
      for entry in File.list("\(folder)/\(next)") {
        let path = "\(next)/\(entry)"
        if File.isFolder("\(folder)/\(path)") { folders.append(path) } else { paths.append(path) }
      }
    }
    for path in paths {
      guard let identity = FileIdentity(path: "\(folder)/\(path)") else { continue }
      files[path] = identity
      guard before?.files[path] != identity else { continue }
      let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent("\(folder)/\(path)") }
      for line in (bytes ?? []).split(separator: UInt8(ascii: "\n")) { mention(line, references.format) }
    }
    hasWorkingTrees = !File.list(folder + "/worktrees").isEmpty || File.isThere(folder + "/index")
  }

  /// One or two identifiers at the beginning of a line.
  private mutating func mention(_ line: ArraySlice<UInt8>, _ format: ObjectFormat) {
    guard let first = ObjectID(format, hex: line.prefix(format.digits)) else { return }
    if !first.isZero { mentions.insert(first) }
    let rest = line.dropFirst(format.digits + 1).prefix(format.digits)
    if let second = ObjectID(format, hex: rest), !second.isZero { mentions.insert(second) }
  }
}
