import Glibc
import HostSystem

/// Hears of changes to a repository's references, whoever makes them, from the kernel (inotify(7)).
///
/// Looked at are the folders of references, `packed-refs`, `HEAD`, and our journal, which has a change before Git's own
/// files do.
final class ReferenceWatch: Sendable {
  private static let interesting = UInt32(
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR)

  private let inotify: Descriptor
  /// Its other end is closed when the watch is to end.
  private let end: Descriptor
  private let folder: String
  private let onChange: @Sendable () -> Void

  static func start(folder: String, _ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch {
    try onDisk { () throws(SystemError) in
      let pipe = try Pipe()
      let (reading, writing) = (dup(pipe.reading.number), dup(pipe.writing.number))
      let watch = try ReferenceWatch(folder: folder, end: Descriptor(owning: reading), onChange)
      let thread = try BackgroundThread { watch.run() }
      return RefWatch {
        close(writing)
        withExtendedLifetime(thread) {}
      }
    }
  }

  private init(folder: String, end: consuming Descriptor, _ onChange: @escaping @Sendable () -> Void)
    throws(SystemError)
  {
    self.folder = folder
    self.onChange = onChange
    inotify = Descriptor(
      owning: try systemCall("making an inotify instance") { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) })
    self.end = end
    try add(folder, Self.interesting)
    try add(folder + "/lares/journal", UInt32(IN_MODIFY))
    addFolders(folder + "/refs")
  }

  private func add(_ path: String, _ mask: UInt32) throws(SystemError) {
    try systemCall("watching \(path)") { inotify_add_watch(inotify.number, path, mask) }
  }

  /// A folder that is gone by now needs no watch; one without room for a watch is looked at when others change.
  private func addFolders(_ path: String) {
    guard (try? add(path, Self.interesting)) != nil else { return }
    for name in File.list(path) where File.isFolder("\(path)/\(name)") { addFolders("\(path)/\(name)") }
  }

  private func run() {
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      var waits = [
        pollfd(fd: inotify.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: end.number, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&waits, 2, -1) >= 0 || errno == EINTR else { return }
      if waits[1].revents != 0 { return }
      var hasNewFolder = false
      var hasChange = false
      while true {
        let count = read(inotify.number, &buffer, buffer.count)
        guard count > 0 else { break }
        hasChange = true
        hasNewFolder = hasNewFolder || Self.tellsOfFolder(buffer[..<count])
      }
      if hasNewFolder { addFolders(folder + "/refs") }
      if hasChange { onChange() }
    }
  }

  /// Whether one of the events is of a folder: the second word of each has the bits, the fourth the name's length.
  private static func tellsOfFolder(_ events: ArraySlice<UInt8>) -> Bool {
    let bytes = Array(events)
    var offset = 0
    while bytes.count - offset >= 16 {
      if bytes.littleEndian(at: offset + 4, as: UInt32.self) & UInt32(IN_ISDIR) != 0 { return true }
      offset += 16 + Int(bytes.littleEndian(at: offset + 12, as: UInt32.self))
    }
    return false
  }
}
