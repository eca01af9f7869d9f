import CBenchDNS
import Glibc

/// The questions that every server gets, all of one length: addresses of `count` names.
struct QuestionSet {
  let count: Int
  private let bytes: [UInt8]
  private let length: Int

  init(count: Int, prefix: String = "h") {
    self.count = count
    var bytes: [UInt8] = []
    for index in (0..<count).shuffled() {
      let label = Array("\(prefix)\(1_000_000 + index)".utf8)
      bytes += [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, UInt8(label.count)] + label
      for label in ["bench", "example"] { bytes += [UInt8(label.utf8.count)] + Array(label.utf8) }
      bytes += [0, 0, 1, 0, 1]
    }
    self.bytes = bytes
    length = bytes.count / count
  }

  enum Kind {
    /// Each question once, until all are answered.
    case fill
    /// As many as are answered, for a time.
    case saturate(milliseconds: Int64)
    /// So many a second, for a time.
    case pace(rate: UInt32, milliseconds: Int64)
  }

  /// Puts the questions to a server from the calling thread.
  func load(_ port: UInt16, _ kind: Kind, acceptsEchoes: Bool = false) -> bench_result {
    var result = bench_result()
    bytes.withUnsafeBufferPointer { queries in
      var load = bench_load()
      load.port = port
      load.queries = queries.baseAddress
      load.query_count = UInt32(count)
      load.query_length = UInt32(length)
      load.sockets = 4
      load.window = 48
      load.any = acceptsEchoes ? 1 : 0
      switch kind {
      case .fill: (load.once, load.milliseconds, load.window) = (1, 20_000, 8)
      case .saturate(let milliseconds): load.milliseconds = milliseconds
      case .pace(let rate, let milliseconds): (load.rate, load.milliseconds) = (rate, milliseconds)
      }
      _ = bench_run(&load, &result)
    }
    return result
  }
}
