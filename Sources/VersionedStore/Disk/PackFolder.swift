import GitFormat
import Glibc
import HostSystem

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
  private let state = Guarded(State())

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

  /// Looks again. nil where there is nothing new since some contents were seen.
  func refresh(after seen: Contents) -> Contents? {
    state.withLock { state in
      let isUnchanged = state.changed.map { changed in Self.changeTime(path).map { Self.isSame($0, changed) } ?? false }
      if isUnchanged != true { list(&state) }
      return state.contents === seen ? nil : state.contents
    }
  }

  /// What the folder holds now.
  func current() -> Contents {
    let seen = contents()
    return refresh(after: seen) ?? seen
  }

  private func list(_ state: inout State) {
    let time = Self.changeTime(path)
    // A change within the clock's next tick would leave the same time: only an older one tells.
    state.changed = time.flatMap { Self.isSettled($0) ? $0 : nil }
    state.isListed = true
    let open = Dictionary(uniqueKeysWithValues: state.contents.packs.map { ($0.path, $0) })
    var packs: [PackFile] = []
    var faults: [StoreError] = []
    let list = File.list(path)
    let names = Set(list)
    for name in list where name.hasSuffix(".idx") && names.contains(name.dropLast(4) + ".pack") {
      let base = path + "/" + name.dropLast(4)
      do throws(StoreError) {
        let pack = if let known = open[base] { known } else { try PackFile(path: base, format) }
        packs.append(pack)
      } catch {
        // Gone between the listing and now: somebody repacked, and what it had is elsewhere.
        if case .system(let error) = error, error.code == ENOENT { continue }
        faults.append(error)
      }
    }
    packs.sort { $0.modified > $1.modified }
    let before = state.contents
    guard before.faults != faults || !before.packs.elementsEqual(packs, by: ===) else { return }
    state.contents = Contents(packs: packs, faults: faults)
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
