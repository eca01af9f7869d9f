import GitFormat
import Glibc
import HostSystem
import Synchronization

/// The references of a repository as stock Git has them: loose files, `packed-refs`, logs, and locks.
///
/// Our locks are hard links to one private file of the repository, so that it can be told which are ours.
final class References: Sendable {
  let folder: String
  let format: ObjectFormat
  let layer: FileLayer
  /// What `packed-refs` said when the file had this identity.
  private let packedCache = Guarded<(identity: FileIdentity, refs: [RefName: ObjectID])?>(nil)
  private let temporaryNumber = Atomic<Int>(0)

  init(folder: String, format: ObjectFormat, layer: FileLayer) {
    self.folder = folder
    self.format = format
    self.layer = layer
  }

  /// The file that our locks are links to.
  private var lockSource: String { "\(folder)/lares/lock" }
  private func path(_ name: RefName) -> String { "\(folder)/\(name)" }
  private func lockPath(_ name: RefName) -> String { "\(folder)/\(name).lock" }
  private var packedLockPath: String { folder + "/packed-refs.lock" }
  private func logPath(_ name: RefName) -> String { "\(folder)/logs/\(name)" }

  // MARK: - Reading

  /// The reference that HEAD names.
  func headTarget() throws(StoreError) -> RefName {
    let path = folder + "/HEAD"
    let bytes = try onDisk { () throws(SystemError) in try File.read(path) }
    guard case .symbolic(let target) = parse(String(decoding: bytes, as: UTF8.self)) else {
      throw .damaged(file: path, "it names no reference")
    }
    return target
  }

  private enum Value {
    case id(ObjectID)
    case symbolic(RefName)
  }

  private func parse(_ text: String) -> Value? {
    let line = text.prefix { $0 != "\n" }
    if line.hasPrefix("ref:") {
      return RefName(String(line.dropFirst(4).drop { $0 == " " })).map { .symbolic($0) }
    }
    return ObjectID(format, hex: String(line.prefix(format.digits))).map { .id($0) }
  }

  /// What a reference names on disk; follows symbolic references five levels deep, as Git does.
  func read(_ name: RefName) throws(StoreError) -> ObjectID? {
    var name = name
    for _ in 0...5 {
      guard let bytes = try looseBytes(name) else { return try packed()[name] }
      switch parse(String(decoding: bytes, as: UTF8.self)) {
      case .id(let id): return id
      case .symbolic(let target): name = target
      case nil: throw .damaged(file: path(name), "it holds no identifier")
      }
    }
    throw .damaged(file: path(name), "symbolic references go in a circle")
  }

  /// Whether a reference only names another one.
  func isSymbolic(_ name: RefName) throws(StoreError) -> Bool {
    guard let bytes = try looseBytes(name) else { return false }
    return bytes.starts(with: "ref:".utf8)
  }

  /// The file of a reference; nil where there is none, but a folder of references perhaps.
  private func looseBytes(_ name: RefName) throws(StoreError) -> [UInt8]? {
    do {
      return try File.readIfPresent(path(name))
    } catch {
      if error.code == EISDIR || error.code == ENOTDIR { return nil }
      throw .system(error)
    }
  }

  /// The references in `packed-refs`.
  private func packed() throws(StoreError) -> [RefName: ObjectID] {
    let path = folder + "/packed-refs"
    guard let identity = FileIdentity(path: path) else { return [:] }
    if let cached = packedCache.withLock({ $0 }), cached.identity == identity { return cached.refs }
    let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent(path) ?? [] }
    var refs: [RefName: ObjectID] = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n"))
    where line.first != UInt8(ascii: "#") && line.first != UInt8(ascii: "^") {
      guard line.count > format.digits + 1, let id = ObjectID(format, hex: line.prefix(format.digits)) else {
        throw .damaged(file: path, "a line names no object or no reference")
      }
      let text = line.dropFirst(format.digits + 1)
      guard let name = String(validating: text, as: UTF8.self).flatMap(RefName.init) else {
        throw Self.strangeName(String(decoding: text, as: UTF8.self))
      }
      refs[name] = id
    }
    packedCache.withLock { $0 = (identity, refs) }
    return refs
  }

  /// All references on disk whose names begin so.
  func all(under prefix: String) throws(StoreError) -> [RefName: ObjectID] {
    var refs: [RefName: ObjectID] = [:]
    var folders = ["refs"]
    while let next = folders.popLast() {
      for entry in try entries(of: next) {
        let text = "\(next)/\(entry)"
        if File.isFolder("\(folder)/\(text)") {
          folders.append(text)
        } else if text.hasPrefix(prefix), let name = RefName(text), let id = try read(name) {
          refs[name] = id
        }
      }
    }
    // After the files: what others move from there to here meanwhile is not missed.
    return refs.merging(try packed().filter { $0.key.text.hasPrefix(prefix) }) { loose, _ in loose }
  }

  /// The names in a folder of references, in order.
  ///
  /// - Throws: `.invalid` for one that Git may have given to a reference, and that none can have here; `.system` where the
  ///   folder cannot be read: what is not seen must not be taken for what is not there.
  private func entries(of place: String) throws(StoreError) -> [String] {
    guard let stream = opendir("\(folder)/\(place)") else {
      // Git removes empty folders.
      if errno == ENOENT || errno == ENOTDIR { return [] }
      throw .system(SystemError("listing \(folder)/\(place)"))
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard bytes.first != UInt8(ascii: "."), !bytes.suffix(5).elementsEqual(".lock".utf8) else { continue }
      guard let name = String(validating: bytes, as: UTF8.self), bytes.count <= RefName.longestPart,
        place.utf8.count + 1 + bytes.count <= RefName.longest
      else { throw Self.strangeName("\(place)/\(String(decoding: bytes, as: UTF8.self))") }
      names.append(name)
    }
    return names.sorted()
  }

  private static func strangeName(_ name: String) -> StoreError {
    .invalid(
      "\(name) has a name that is too long, or not in UTF-8, so that it cannot be kept here; give it another one")
  }

  // MARK: - Locks

  /// Takes Git's lock of a reference.
  ///
  /// - Returns: false where the lock was ours already.
  /// - Throws: `.locked` where another program has it.
  func lock(_ name: RefName) throws(StoreError) -> Bool {
    let path = lockPath(name)
    for _ in 0..<20 {
      do throws(SystemError) {
        try makeFolders(above: path)
        try layer.link(lockSource, path)
        return true
      } catch {
        switch error.code {
        case EEXIST:
          guard let lock = FileIdentity(path: path) else { continue }
          if lock.inode == FileIdentity(path: lockSource)?.inode { return false }
          throw .locked(file: path, seconds: lock.ageInSeconds)
        case ENOENT: continue  // Git removed an empty folder between the two calls.
        case ENOTDIR, EISDIR: throw .invalid("\(name) cannot be: a part of its name is a reference already")
        default: throw .system(error)
        }
      }
    }
    throw .locked(file: path, seconds: 0)
  }

  func unlock(_ name: RefName) throws(StoreError) {
    try onDisk { () throws(SystemError) in try layer.remove(lockPath(name)) }
  }

  /// Removes what is left of our locks in a folder, and in those below it where so wished. Only for one who knows that
  /// no process of ours uses the repository.
  func removeOwnLocks(in place: String = "refs", deep: Bool = true) throws(StoreError) {
    let ours = FileIdentity(path: lockSource)?.inode
    for entry in File.list("\(folder)/\(place)") {
      let path = "\(folder)/\(place)/\(entry)"
      if entry.hasSuffix(".lock"), FileIdentity(path: path)?.inode == ours {
        try onDisk { () throws(SystemError) in try layer.remove(path) }
      } else if deep, File.isFolder(path) {
        try removeOwnLocks(in: "\(place)/\(entry)")
      }
    }
  }

  /// - Throws: where a reference of this name cannot be beside those that are there: `a` and `a/b`.
  func checkName(_ name: RefName) throws(StoreError) {
    if let other = try all(under: "refs/").keys.first(where: name.excludes) {
      throw .invalid("\(name) cannot be beside \(other)")
    }
  }

  // MARK: - Writing. The caller holds the lock.

  /// Sets a reference; it is durable after `syncFolders`.
  ///
  /// - Returns: false where others have references in a folder of this name.
  func write(_ name: RefName, _ id: ObjectID) throws(StoreError) -> Bool {
    let temporary = temporaryPath()
    var bytes: [UInt8] = []
    id.appendHex(to: &bytes)
    bytes.append(UInt8(ascii: "\n"))
    do throws(SystemError) {
      try layer.create(temporary, with: bytes, sync: .reference)
      do {
        try layer.rename(temporary, path(name))
      } catch {
        guard File.isFolder(path(name)) else { throw error }
        // Empty folders that references below had.
        try removeEmptyFolders(path(name))
        guard !File.isFolder(path(name)) else {
          unlink(temporary)
          return false
        }
        try layer.rename(temporary, path(name))
      }
      return true
    } catch {
      unlink(temporary)
      throw .system(error)
    }
  }

  /// Deletes a reference and its log. Nobody packs references meanwhile: who has read the file of this one would bring it
  /// back.
  func delete(_ name: RefName) throws(StoreError) {
    try withLock(packedLockPath) { () throws(StoreError) in
      if try packed()[name] != nil { try rewritePacked(without: name) }
      do throws(SystemError) {
        try layer.remove(path(name))
        try layer.remove(logPath(name))
      } catch {
        if error.code != ENOTDIR && error.code != EISDIR { throw .system(error) }
      }
    }
  }

  /// A deletion waits for who packs references, and all that is published after it waits too: it must not be acknowledged
  /// while that one has perhaps ended without removing its lock.
  ///
  /// - Throws: `.locked` where another program packs references.
  func checkNobodyPacks() throws(StoreError) {
    guard let lock = FileIdentity(path: packedLockPath), lock.inode != FileIdentity(path: lockSource)?.inode else {
      return
    }
    throw .locked(file: packedLockPath, seconds: lock.ageInSeconds)
  }

  /// - Precondition: the caller holds the lock of the file.
  private func rewritePacked(without name: RefName) throws(StoreError) {
    let path = folder + "/packed-refs"
    let temporary = temporaryPath()
    do throws(SystemError) {
      var kept: [ArraySlice<UInt8>] = []
      var isDropped = false
      for line in try File.read(path).split(separator: UInt8(ascii: "\n")) {
        // A line that begins with ^ belongs to the reference before it.
        if line.first != UInt8(ascii: "^") {
          isDropped = line.dropFirst(format.digits + 1).elementsEqual(name.text.utf8)
        }
        if !isDropped { kept.append(line) }
      }
      let bytes = kept.flatMap { $0 + [UInt8(ascii: "\n")] }
      try layer.create(temporary, with: bytes, sync: .packedReferences)
      try layer.rename(temporary, path)
      try layer.syncFolder(folder, .packedReferences)
    } catch {
      unlink(temporary)
      throw .system(error)
    }
  }

  /// Runs with a lock that others hold for moments only.
  func withLock(_ path: String, _ body: () throws(StoreError) -> Void) throws(StoreError) {
    try waitForLock(path)
    defer { try? layer.remove(path) }
    try body()
  }

  /// Takes a lock that others hold for moments only.
  private func waitForLock(_ path: String) throws(StoreError) {
    for attempt in 1...100 {
      do throws(SystemError) {
        return try layer.link(lockSource, path)
      } catch {
        guard error.code == EEXIST else { throw .system(error) }
        if attempt == 100 { throw .locked(file: path, seconds: FileIdentity(path: path)?.ageInSeconds ?? 0) }
        usleep(100_000)
      }
    }
  }

  /// Adds lines to a reference's log, and makes them durable.
  func appendLog(_ name: RefName, _ changes: [RefChange]) throws(StoreError) {
    let path = logPath(name)
    let bytes = changes.flatMap { logLine($0) + [UInt8(ascii: "\n")] }
    try onDisk { () throws(SystemError) in
      if File.isFolder(path) { try removeEmptyFolders(path) }
      let file: WritableFile
      if access(path, F_OK) == 0 {
        file = try layer.open(path)
      } else {
        let made = try makeFolders(above: path)
        file = try layer.create(path)
        for folder in made + [File.folderName(of: path)] { try layer.syncFolder(folder, .newFolder) }
      }
      let size = try systemCall("sizing \(path)") { lseek(file.descriptorNumber, 0, SEEK_END) }
      try file.write(bytes, at: Int(size))
      try file.sync(.reflog)
    }
  }

  private func logLine(_ change: RefChange) -> [UInt8] {
    var line: [UInt8] = []
    (change.old ?? .zero(format)).appendHex(to: &line)
    line.append(UInt8(ascii: " "))
    (change.new ?? .zero(format)).appendHex(to: &line)
    line.append(UInt8(ascii: " "))
    line.append(contentsOf: change.who.bytes)
    line.append(UInt8(ascii: "\t"))
    line.append(contentsOf: change.why.utf8.map { $0 == 10 || $0 == 0 ? 32 : $0 })
    return line
  }

  /// How many of some changes, the first ones, a reference's log ends with. Removes what a power cut left behind the last
  /// whole line.
  ///
  /// What a reference was it may be again: its value alone does not tell.
  func loggedCount(_ name: RefName, of changes: [RefChange]) throws(StoreError) -> Int {
    let path = logPath(name)
    guard let bytes = try onDisk({ () throws(SystemError) in try File.readIfPresent(path) }) else { return 0 }
    let wanted = changes.map(logLine)
    // What a power cut can have torn is not old, and a log may be long.
    let recent = max(0, bytes.count - wanted.reduce(65_536) { $0 + $1.count })
    var lines: [ArraySlice<UInt8>] = []
    var whole = recent == 0 ? 0 : bytes[recent...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    while let end = bytes[whole...].firstIndex(of: UInt8(ascii: "\n")), isLogLine(bytes[whole..<end]) {
      lines.append(bytes[whole..<end])
      whole = end + 1
    }
    if whole < bytes.count {
      let temporary = temporaryPath()
      try onDisk { () throws(SystemError) in
        try layer.create(temporary, with: Array(bytes[..<whole]), sync: .reflog)
        try layer.rename(temporary, path)
        try layer.syncFolder(File.folderName(of: path), .reflog)
      }
    }
    return (0...min(wanted.count, lines.count)).last { count in
      zip(lines.suffix(count), wanted).allSatisfy { $0.elementsEqual($1) }
    } ?? 0
  }

  /// Whether these bytes are a line `<old> <new> <who>`, which may have a tab and a message behind it.
  private func isLogLine(_ line: ArraySlice<UInt8>) -> Bool {
    line.count > 2 * format.digits + 2 && !line.contains(0)
      && ObjectID(format, hex: line.prefix(format.digits)) != nil
      && ObjectID(format, hex: line.dropFirst(format.digits + 1).prefix(format.digits)) != nil
  }

  /// Makes the entries of references durable, up to `refs`.
  func syncFolders(of names: some Sequence<RefName>) throws(StoreError) {
    var folders: Set<String> = []
    for name in names {
      var path = File.folderName(of: name.text)
      while path != "." {
        folders.insert(path)
        path = File.folderName(of: path)
      }
    }
    try onDisk { () throws(SystemError) in
      // The deepest first: a folder's entry counts once what it holds does.
      for path in folders.sorted(by: { $0.utf8.count > $1.utf8.count }) {
        try layer.syncFolder("\(folder)/\(path)", .referenceFolder)
      }
    }
  }

  // MARK: - Folders and names

  /// - Returns: the folders that have a new entry.
  @discardableResult
  private func makeFolders(above path: String) throws(SystemError) -> [String] {
    let parent = File.folderName(of: path)
    if File.isFolder(parent) { return [] }
    let above = try makeFolders(above: parent)
    try layer.makeFolder(parent)
    return above + [File.folderName(of: parent)]
  }

  private func removeEmptyFolders(_ path: String) throws(SystemError) {
    for entry in File.list(path) where File.isFolder("\(path)/\(entry)") { try removeEmptyFolders("\(path)/\(entry)") }
    try layer.removeFolder(path)
  }

  func temporaryPath() -> String {
    let number = temporaryNumber.add(1, ordering: .relaxed).newValue
    return "\(folder)/lares/ref-\(getpid())-\(number).new"
  }
}
