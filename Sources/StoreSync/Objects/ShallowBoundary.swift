import GitFormat
import VersionedStore

/// Where a client's history is going to end after a fetch (gitprotocol-v2, "shallow-info section").
struct ShallowBoundary: Equatable {
  /// Commits that the client gets or has without their parents, and did not know to be such.
  var shallow: [ObjectID] = []
  /// Commits that the client had without their parents, which it gets now.
  var unshallow: [ObjectID] = []
  /// Commits within the depth.
  private var within: Set<ObjectID> = []

  /// - Parameters:
  ///   - tips: the wanted commits.
  ///   - clientShallow: where the client's history ends now.
  ///   - excluded: for `.since`: commits that the references to stop at name.
  init(
    _ deepening: Deepening, tips: [ObjectID], clientShallow: Set<ObjectID>, excluded: [ObjectID], _ history: History
  ) throws(StoreError) {
    let ends: Set<ObjectID>
    switch deepening {
    case .depth(let depth): ends = try boundary(tips, depth: depth, history)
    case .relative(let depth):
      let reachable = try history.commits(from: tips).intersection(clientShallow)
      ends = try boundary(reachable.sorted(), depth: depth == .max ? depth : depth + 1, history)
    case .since(let time, _): ends = try boundary(tips, since: time, excluded: excluded, history)
    }
    shallow = ends.subtracting(clientShallow).sorted()
    unshallow = clientShallow.filter { within.contains($0) && !ends.contains($0) }.sorted()
  }

  /// Where nothing is asked to end: only where the server's own history does.
  init(serverShallow: Set<ObjectID>, clientShallow: Set<ObjectID>) {
    shallow = serverShallow.subtracting(clientShallow).sorted()
  }

  /// Adds where the server's own history ends.
  mutating func end(at serverShallow: Set<ObjectID>, clientShallow: Set<ObjectID>) {
    let known = clientShallow.union(shallow)
    shallow += serverShallow.subtracting(known).sorted()
  }

  /// Breadth first; a commit's depth is the least of its ways.
  private mutating func boundary(
    _ tips: [ObjectID], depth: Int, _ history: History
  ) throws(StoreError) -> Set<ObjectID> {
    var level = tips
    var number = 1
    var ends: Set<ObjectID> = []
    within = Set(tips)
    while !level.isEmpty {
      var next: [ObjectID] = []
      for commit in level {
        let parents = try history.link(commit).parents
        if number >= depth {
          if !parents.isEmpty { ends.insert(commit) }
        } else {
          for parent in parents where within.insert(parent).inserted { next.append(parent) }
        }
      }
      level = next
      number += 1
    }
    return ends
  }

  /// Commits that are new enough and that the excluded do not have; those of them with a parent that is not such.
  private mutating func boundary(
    _ tips: [ObjectID], since: Int64?, excluded: [ObjectID], _ history: History
  ) throws(StoreError) -> Set<ObjectID> {
    let out = try history.commits(from: excluded)
    func isIn(_ id: ObjectID) throws(StoreError) -> Bool {
      guard !out.contains(id) else { return false }
      guard let since else { return true }
      return try history.link(id).time >= since
    }
    var stack: [ObjectID] = []
    var ends: Set<ObjectID> = []
    for tip in tips {
      if try !isIn(tip) {
        ends.insert(tip)
      } else if within.insert(tip).inserted {
        stack.append(tip)
      }
    }
    guard !stack.isEmpty else { throw .invalid("no commit is left by deepen-since and deepen-not") }
    while let commit = stack.popLast() {
      let parents = try history.link(commit).parents
      // Where history ends it does so for all parents.
      var isEnd = false
      for parent in parents where try !isIn(parent) { isEnd = true }
      if isEnd {
        ends.insert(commit)
      } else {
        for parent in parents where within.insert(parent).inserted { stack.append(parent) }
      }
    }
    return ends
  }
}
