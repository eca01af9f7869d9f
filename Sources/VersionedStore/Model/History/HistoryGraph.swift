public import GitFormat

/// Commits and what they came from, as far as somebody wants to see.
public struct HistoryGraph: Sendable {
  /// Latest first.
  public var commits: [Commit]
  /// Commits that others here came from and that are beyond the depth asked for, or not here.
  public var boundary: Set<ObjectID>

  /// The graph in the language of Graphviz, a box a commit, with arrows to what it came from.
  ///
  /// - Parameter names: of branches and tags, to be shown beside what they name.
  public func dot(names: [(name: String, id: ObjectID)] = []) -> String {
    func short(_ id: ObjectID) -> String { String(id.hex.prefix(10)) }
    func quoted(_ text: String) -> String {
      let escaped = text.unicodeScalars.map { scalar in
        switch scalar {
        case "\"": "\\\""
        case "\\": "\\\\"
        case "\n": "\\n"
        case _ where scalar.value < 0x20 || scalar.value == 0x7F: " "
        default: String(scalar)
        }
      }
      return "\"\(escaped.joined())\""
    }
    var lines = ["digraph history {", "  node [shape=box, fontname=\"monospace\"];"]
    for commit in commits {
      let subject = commit.message.prefix { !$0.isNewline }
      lines.append("  \(quoted(commit.id.hex)) [label=\(quoted("\(short(commit.id))\n\(subject)"))];")
      for parent in commit.parents { lines.append("  \(quoted(commit.id.hex)) -> \(quoted(parent.hex));") }
    }
    for id in boundary.sorted() {
      lines.append("  \(quoted(id.hex)) [label=\(quoted("\(short(id))…")), style=dashed];")
    }
    for (name, id) in names {
      lines.append("  \(quoted(name)) [style=rounded];")
      lines.append("  \(quoted(name)) -> \(quoted(id.hex)) [style=dotted];")
    }
    lines.append("}\n")
    return lines.joined(separator: "\n")
  }
}

extension History {
  /// The commits at most so many steps below some, and those themselves.
  ///
  /// - Parameters:
  ///   - depth: how many steps; 0 is the commits themselves.
  ///   - limit: how many commits at most; those beyond count as boundary.
  public func graph(
    from heads: [ObjectID], depth: Int = .max, limit: Int = 100_000
  ) throws(StoreError) -> HistoryGraph {
    let graph = graph()
    var found: [Int] = []
    var seen: Set<Int> = []
    var boundary: Set<ObjectID> = []
    var level = heads.map { graph.number($0) }
    var steps = 0
    while !level.isEmpty {
      var next: [Int] = []
      for number in level where !seen.contains(number) {
        guard found.count < limit, steps <= depth else {
          boundary.insert(graph.nodes[number].id)
          continue
        }
        seen.insert(number)
        found.append(number)
        let node = try graph.node(number)
        next += node.parents
        if shallow.contains(node.id) {
          boundary.formUnion(try Commit(node.id, in: objects).parents)
        }
      }
      level = next
      steps += 1
    }
    let latest = found.sorted { graph.nodes[$0].time > graph.nodes[$1].time }
    var commits: [Commit] = []
    for number in latest { commits.append(try Commit(graph.nodes[number].id, in: objects)) }
    boundary.subtract(commits.map(\.id))
    return HistoryGraph(commits: commits, boundary: boundary)
  }
}
