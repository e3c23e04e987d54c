// Stock of one product on one marketplace, and the order of the table. Pure.

export interface StockLine {
  marketplace: string;
  productId: number;
  sku: string;
  name: string;
  quantity: number;
  listedQuantity: number;
}

/** As the server counts it: a marketplace cannot list less than none, whatever the shop owes. */
export function isInStep(line: Pick<StockLine, 'quantity' | 'listedQuantity'>): boolean {
  return line.listedQuantity === Math.max(0, line.quantity);
}

/** Out of step first, then what is short. */
export function inOrder(lines: StockLine[]): StockLine[] {
  return lines.sort(
    (left, right) =>
      Number(isInStep(left)) - Number(isInStep(right)) ||
      left.quantity - right.quantity ||
      left.name.localeCompare(right.name) ||
      left.marketplace.localeCompare(right.marketplace),
  );
}
