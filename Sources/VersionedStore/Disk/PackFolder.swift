import GitFormat
import Glibc
import HostSystem
import Synchronization

/// The packs of one `objects/pack` folder, as they come and go: other programs repack while we read.
final class PackFolder: Sendable {
  /// What the folder held when it was last looked at.
  final class Contents: Sendable {
    /// Newest first.
    let packs: [PackFile]
    /// What is wrong with those that could not be opened.
    let faults: [StoreError]

    init(packs: [PackFile] = [], faults: [StoreError] = []) {
      self.packs = packs
      self.faults = faults
    }
  }

  private struct State {
    var contents = Contents()
    /// When the folder had last changed as it was listed; nil where that was too fresh to tell two changes apart.
    var changed: timespec?
    var isListed = false
  }

  let path: String
  private let format: ObjectFormat
  private let state = Mutex(State())

  init(_ path: String, _ format: ObjectFormat) {
    self.path = path
    self.format = format
  }

  /// The packs as last seen.
  func contents() -> Contents {
    state.withLock { state in
      if !state.isListed { list(&state) }
      return state.contents
    }
  }

  /// Looks again. nil where nothing has changed.
  func refresh() -> Contents? {
    state.withLock { state in
      if let changed = state.changed, let now = Self.changeTime(path), Self.isSame(changed, now) { return nil }
      let before = state.contents
      list(&state)
      let isSame = before.faults == state.contents.faults && before.packs.elementsEqual(state.contents.packs, by: ===)
      return isSame ? nil : state.contents
    }
  }

  private func list(_ state: inout State) {
    let time = Self.changeTime(path)
    // A change within the clock's next tick would leave the same time: only an older one tells.
    state.changed = time.flatMap { Self.isSettled($0) ? $0 : nil }
    state.isListed = true
    var known = Dictionary(uniqueKeysWithValues: state.contents.packs.map { ($0.path, $0) })
    var faults: [StoreError] = []
    var found: [(pack: PackFile, age: timespec)] = []
    for name in File.list(path) where name.hasSuffix(".idx") {
      let base = path + "/" + name.dropLast(4)
      do throws(StoreError) {
        guard let age = Self.changeTime(base + ".pack") else { continue }
        let pack = if let open = known.removeValue(forKey: base) { open } else { try PackFile(path: base, format) }
        found.append((pack, age))
      } catch {
        // Gone between the listing and now: somebody repacked, and what it had is elsewhere.
        if case .system(let error) = error, error.code == ENOENT { continue }
        faults.append(error)
      }
    }
    found.sort { ($0.age.tv_sec, $0.age.tv_nsec) > ($1.age.tv_sec, $1.age.tv_nsec) }
    state.contents = Contents(packs: found.map(\.pack), faults: faults)
  }

  // MARK: - Times

  private static func changeTime(_ path: String) -> timespec? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mtim : nil
  }

  private static func isSame(_ a: timespec, _ b: timespec) -> Bool { a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec }

  /// Whether a time is two seconds ago or more: no file system's clock is coarser. One in the future never is.
  private static func isSettled(_ time: timespec) -> Bool {
    var now = timespec()
    return clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec - time.tv_sec > 2
  }
}
