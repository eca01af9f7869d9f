#if hasFeature(Embedded)
  internal import CLibraryOS

  /// The page tables that boot.S made, closed after start: code cannot be written, nothing else can be executed.
  enum Pages {
    private static let size: UInt = 4096
    private static let writable: UInt64 = 1 << 1
    private static let noExecute: UInt64 = 1 << 63

    /// Takes away what the first 2 MiB do not need. What lies above holds data only, and boot.S left it writable.
    static func seal() {
      let layout = machine_layout
      let table = layout.first_page_table!
      for index in 1..<512 where table[index] != 0 {
        let address = UInt(index) * size
        switch address {
        case layout.text_start..<layout.text_end: table[index] &= ~writable
        case layout.text_end..<layout.constants_end: table[index] = table[index] & ~writable | noExecute
        default: table[index] |= noExecute
        }
      }
      flush_translations()
    }
  }
#endif
