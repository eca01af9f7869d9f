import Glibc
import HostSystem
import Household
import Wire

/// The blocklists as files: read when they have changed, and only then.
struct BlockListFiles {
  private(set) var list: BlockList
  /// Files that could not be read, a sentence each.
  private(set) var problems: [String] = []
  private(set) var reports: [BlockListReport] = []
  private let key: NameHashKey
  private var state: [FileState] = []
  private var allowed: [DomainName] = []

  /// What tells a file's content from another one.
  private struct FileState: Equatable {
    var path: String
    var device: UInt64 = 0
    var inode: UInt64 = 0
    var size: Int64 = -1
    var modified: Int64 = 0
    var modifiedNanoseconds: Int64 = 0

    init(_ path: String) {
      self.path = path
      var status = stat()
      guard stat(path, &status) == 0 else { return }
      device = UInt64(status.st_dev)
      inode = UInt64(status.st_ino)
      size = Int64(status.st_size)
      modified = Int64(status.st_mtim.tv_sec)
      modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
    }
  }

  init(key: NameHashKey) {
    self.key = key
    list = .empty(key: key)
  }

  /// Reads what `settings` names, relative to `folder`. True where anything changed. A file that cannot be read is left out.
  mutating func update(_ settings: NameSettings, folder: String) -> Bool {
    let paths = settings.blocklists.map { $0.hasPrefix("/") ? $0 : folder + "/" + $0 }
    let state = paths.map(FileState.init)
    guard state != self.state || settings.allowed != allowed else { return false }
    (self.state, allowed) = (state, settings.allowed)
    problems = []
    reports = []
    var builder = BlockListBuilder(key: key)
    builder.allow(settings.allowed)
    for (name, path) in zip(settings.blocklists, paths) {
      do throws(SystemError) {
        reports.append(try builder.read(name, file: path))
      } catch {
        problems.append("blocklist \(name) is not in force: \(error)")
      }
    }
    list = builder.build()
    return true
  }
}
