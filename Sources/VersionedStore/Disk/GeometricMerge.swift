import GitFormat
import Glibc

/// A pack of a repository, from outside.
public struct PackSummary: Equatable, Sendable {
  /// Both files' path without `.pack` and `.idx`.
  public var path: String
  public var objects: Int
  /// Of the pack alone.
  public var bytes: Int
  /// Somebody wants the pack to stay as it is: it has a `.keep` (git-index-pack), a `.promisor` (partial clones) or an
  /// `.mtimes` (cruft packs) beside it.
  public var stays: Bool

  public init(path: String, objects: Int, bytes: Int, stays: Bool = false) {
    self.path = path
    self.objects = objects
    self.bytes = bytes
    self.stays = stays
  }
}

/// Which packs to merge, so that few are left and each object is rewritten only a logarithmic number of times: the packs
/// that stay are each at least twice as large as all smaller ones together (`git repack --geometric=2`).
public enum GeometricMerge {
  /// The packs to merge into one; none or at least two.
  ///
  /// - Parameter factor: by how much each pack has to be larger than the next one; at least 2.
  public static func choose(_ packs: [PackSummary], factor: Int = 2) -> [PackSummary] {
    let packs = packs.filter { !$0.stays }.sorted { ($0.objects, $0.path) < ($1.objects, $1.path) }
    func isTooSmall(_ pack: PackSummary, above objects: Int) -> Bool { pack.objects / factor < objects }
    // From the largest down, as far as each is large enough for the one below it.
    var end = packs.count
    while end > 1, !isTooSmall(packs[end - 1], above: packs[end - 2].objects) { end -= 1 }
    guard end > 1 else { return [] }
    // The merged pack may be too large for those above it: then they go along.
    var merged = packs[..<end].reduce(0) { $0 + $1.objects }
    while end < packs.count, isTooSmall(packs[end], above: merged) {
      merged += packs[end].objects
      end += 1
    }
    return Array(packs[..<end])
  }
}

extension PackSet {
  /// The packs of this repository, alternates' not among them, newest first.
  public func packs() -> [PackSummary] {
    openPacks().map { pack in
      let stays = [".keep", ".promisor", ".mtimes"].contains { access(pack.path + $0, F_OK) == 0 }
      return PackSummary(path: pack.path, objects: pack.index.count, bytes: pack.bytes.count, stays: stays)
    }
  }
}
