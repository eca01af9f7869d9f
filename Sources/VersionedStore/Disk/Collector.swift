import GitFormat
import Glibc
import HostSystem
import Wire

extension GitBackend {
  /// Puts all that is reachable into one pack, keeps what is unreachable and young in a cruft pack, and removes the rest,
  /// while others read and write.
  ///
  /// Reachable is what `git gc` means by it: references, HEAD, reflogs. Objects under a `.keep` stay where they are. A
  /// repository with working trees, or of which somebody says that its objects are precious, loses nothing.
  ///
  /// - Throws: `.locked` where another collector is at work; `.missing` and `.damaged` where a reachable object is: then
  ///   nothing has been removed. `.system`.
  @discardableResult
  public func collect(_ options: CollectOptions) throws(StoreError) -> CollectResult {
    try publish()
    var result: CollectResult?
    let patience = Clock.now.advanced(milliseconds: Self.collectPatienceMilliseconds)
    while true {
      try maintenance.alone { () throws(StoreError) in
        var collector = Collector(self, options)
        result = try collector.run()
      }
      if let result { return result }
      let names = ["gc.pid", "lares/maintaining"].map { "\(folder)/\($0)" }
      if Clock.now > patience {
        let file = names.first { File.isThere($0) } ?? names[1]
        throw .locked(file: file, seconds: FileIdentity(path: file)?.ageInSeconds ?? 0)
      }
      usleep(50_000)
    }
  }

  private static let collectPatienceMilliseconds: Int64 = 10_000

  /// Whether an object is here now, without a look at what other processes wrote.
  func holds(_ id: ObjectID) -> Bool { queue.hasEntry(id) || packs.contains(id) }
}

/// One collection.
private struct Collector {
  private let backend: GitBackend
  private let options: CollectOptions
  private var result = CollectResult()

  init(_ backend: GitBackend, _ options: CollectOptions) {
    self.backend = backend
    self.options = options
  }

  private var folder: String { backend.folder }
  private var references: References { backend.references }

  mutating func run() throws(StoreError) -> CollectResult {
    if let reflogs = options.reflogs {
      let logs = try CollectRoots(references).files.keys
      result.expiredEntries = try CollectReflogs(backend: backend, expiry: reflogs, now: options.now).run(logs)
    }
    let roots = try CollectRoots(references)
    let files = CollectFiles(of: backend.packs)
    var walk = CollectWalk(
      backend, shallow: try references.shallow(), isPartial: files.isPartial, files.marks())
    try mark(roots, &walk)
    try markYoung(&walk)
    let made = try writePacks(&walk)
    // Twice: what happened during the long work above is looked at while others go on, so that they wait only for a
    // short look at what happened since.
    let seen = try lookAgain(since: files, roots, besides: made, &walk)
    try backend.queue.whileNobodyWrites { () throws(StoreError) in
      try walk.mark(backend.queue.unpublishedObjects(), .young, mayMiss: true)
      let last = try lookAgain(since: seen.files, seen.roots, besides: made, &walk)
      try replace(files, by: made, last.files, walk.marks)
    }
    for pack in made { try backend.publisher.release(pack.keep) }
    return result
  }

  // MARK: - Marking

  private func mark(_ roots: CollectRoots, _ walk: inout CollectWalk) throws(StoreError) {
    try walk.mark(roots.references, .reachable, mayMiss: false)
    try walk.mark(roots.mentions, .reachable, mayMiss: true)
  }

  /// Marks what is unreachable and young, or in a pack that stays, and all that it needs.
  private func markYoung(_ walk: inout CollectWalk) throws(StoreError) {
    let keepsAll = mayLoseNothing
    let limit = UInt32(clamping: options.now - options.graceSeconds)
    let young = walk.marks.select { !$0.contains(.reachable) }.filter { slot in
      keepsAll || walk.marks.marks[slot].contains(.safe)
        || (options.graceSeconds > 0 && walk.marks.times[slot] >= limit)
    }
    try walk.mark(young.map { walk.marks.ids[$0] }, .young, mayMiss: true)
  }

  private var mayLoseNothing: Bool {
    let settings = (try? File.read(folder + "/config")).map { GitConfiguration(String(decoding: $0, as: UTF8.self)) }
    if let precious = settings?["extensions.preciousobjects"], precious != "false" { return true }
    return !File.list(folder + "/worktrees").isEmpty || File.isThere(folder + "/index")
  }

  /// Marks what has become reachable, or was written or wanted, since an earlier look.
  private func lookAgain(
    since files: CollectFiles, _ roots: CollectRoots, besides made: [MadePack], _ walk: inout CollectWalk
  ) throws(StoreError) -> (files: CollectFiles, roots: CollectRoots) {
    let roots = try CollectRoots(references, since: roots)
    try mark(roots, &walk)
    let now = CollectFiles(of: backend.packs)
    let news = now.news(since: files, besides: Set(made.map(\.name)))
    // They stay where they are.
    for id in news { if let slot = walk.marks.find(id) { walk.marks.insert(.safe, slot) } }
    try walk.mark(news, .young, mayMiss: true)
    return (now, roots)
  }

  // MARK: - Packs

  private struct MadePack {
    let name: String
    let keep: String
  }

  private mutating func writePacks(_ walk: inout CollectWalk) throws(StoreError) -> [MadePack] {
    var made: [MadePack] = []
    let reachable = walk.marks.select { $0.contains(.reachable) && !$0.contains(.safe) }
    result.reachable = reachable.count
    if !reachable.isEmpty { made.append(try writePack(reachable, walk.marks, isCruft: false)) }
    let young = walk.marks.select { $0.isDisjoint(with: [.reachable, .safe]) && $0.contains(.young) }
    result.young = young.count
    if !young.isEmpty { made.append(try writePack(young, walk.marks, isCruft: true)) }
    for slot in reachable + young { walk.marks.insert(.safe, slot) }
    return made
  }

  private func writePack(_ slots: [Int], _ marks: CollectMarks, isCruft: Bool) throws(StoreError) -> MadePack {
    let packs = backend.packs
    let items = try HistoryOrder.items(of: slots.map { marks.ids[$0] }, from: packs)
    let builder = PackBuilder(options.aggressive ? .smallest : PackMerge.usualOptions)
    let (written, path) = try backend.maintenance.write { sink throws(StoreError) in
      try builder.write(items, from: packs, to: sink)
    }
    if isCruft { try writeTimes(of: written, marks, path + ".mtimes") }
    let keep = try backend.publisher.place(
      pack: path + ".pack", index: path + ".idx", times: isCruft ? path + ".mtimes" : nil, name: written.name)
    return MadePack(name: written.name, keep: keep)
  }

  private func writeTimes(of pack: WrittenPack, _ marks: CollectMarks, _ path: String) throws(StoreError) {
    let times = pack.entries.map(\.id).sorted().map { id in marks.find(id).map { marks.times[$0] } ?? 0 }
    let bytes: [UInt8]
    do { bytes = try PackTimes.serialize(times, packChecksum: pack.checksum, backend.format) } catch {
      throw .malformed(error)
    }
    try onDisk { () throws(SystemError) in
      try backend.layer.remove(path)
      try backend.layer.create(path, with: bytes, mode: 0o440, sync: .packTimes)
    }
  }

  // MARK: - Removing

  /// Removes the files whose objects are in the new packs, or go. Nobody of ours writes meanwhile.
  private mutating func replace(
    _ old: CollectFiles, by made: [MadePack], _ now: CollectFiles, _ marks: CollectMarks
  ) throws(StoreError) {
    let dropped = marks.select { !$0.contains(.safe) }
    let isLost = dropped.contains { !marks.marks[$0].isDisjoint(with: [.reachable, .young]) }
    if isLost || (!dropped.isEmpty && CollectFiles.isReceiving(folder)) {
      result.isPostponed = true
      return
    }
    result.dropped = dropped.count
    if !dropped.isEmpty { backend.queue.noteDrop(at: Clock.now) }
    if !dropped.isEmpty { try removeGraphs() }
    let names = Set(made.map(\.name))
    let packs = Dictionary(now.packs.map { ($0.file.path, $0.identity) }) { first, _ in first }
    for pack in old.packs where !pack.stays && !names.contains(pack.name) {
      guard packs[pack.file.path]?.isUntouched(pack.identity) == true, !File.isThere(pack.file.path + ".keep") else {
        continue
      }
      try backend.maintenance.remove(pack.file.path)
    }
    try removeLoose(old.loose, now)
    try onDisk { () throws(SystemError) in
      for path in CollectFiles.abandoned(folder + "/objects") { try backend.layer.remove(path) }
    }
  }

  private func removeLoose(_ old: [CollectFiles.Loose], _ now: CollectFiles) throws(StoreError) {
    let place = LooseObjects(folder: folder + "/objects", format: backend.format)
    let loose = Dictionary(now.loose.map { ($0.id, $0.identity) }) { first, _ in first }
    // Their folders stay: stock Git, receiving a push, does not bear that one goes between its making and its use.
    try onDisk { () throws(SystemError) in
      for file in old where loose[file.id]?.isUntouched(file.identity) == true {
        try backend.layer.remove(place.path(of: file.id))
      }
    }
  }

  /// Removes what stock Git noted of commits, which may be gone. It makes it anew.
  private func removeGraphs() throws(StoreError) {
    let info = folder + "/objects/info"
    let chain = File.list(info + "/commit-graphs").sorted(by: >).map { "\(info)/commit-graphs/\($0)" }
    try onDisk { () throws(SystemError) in
      for path in [info + "/commit-graph"] + chain where File.isThere(path) { try backend.layer.remove(path) }
    }
  }
}
