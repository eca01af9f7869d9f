import Household

/// Text in columns as wide as their widest cell.
struct Table {
  private var rows: [[String]]

  init(_ header: [String]) { rows = [header] }

  mutating func add(_ row: [String]) { rows.append(row) }

  /// The rows, or `empty` where there are none below the header.
  func text(empty: String) -> String {
    guard rows.count > 1 else { return empty }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
      return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
    }
    return lines.joined(separator: "\n")
  }
}

/// Time spans and points in time as people read them.
enum Words {
  /// `2 d 3 h`, `12 min`, `5 s`.
  static func duration(seconds: Int64) -> String {
    switch seconds {
    case ..<120: "\(max(0, seconds)) s"
    case ..<7_200: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
    default: "\(seconds / 86_400) d \(seconds % 86_400 / 3_600) h"
    }
  }

  static func ago(_ time: UnixTime?, now: UnixTime) -> String {
    time.map { "\(duration(seconds: now - $0)) ago" } ?? "-"
  }

  static func inFuture(_ time: UnixTime?, now: UnixTime) -> String {
    guard let time else { return "-" }
    return time < now ? "ended" : "in \(duration(seconds: time - now))"
  }

  /// 1.5 MB, 812 B.
  static func bytes(_ count: UInt64) -> String {
    var value = Double(count)
    var unit = 0
    let units = ["B", "kB", "MB", "GB", "TB"]
    while value >= 1_000, unit < units.count - 1 {
      value /= 1_000
      unit += 1
    }
    return unit == 0 ? "\(count) B" : "\((value * 10).rounded() / 10) \(units[unit])"
  }
}
