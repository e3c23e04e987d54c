// Stock of one product on one marketplace, and the order of the table. Pure.

export interface StockLine {
  marketplace: string;
  productId: number;
  sku: string;
  name: string;
  quantity: number;
  listedQuantity: number;
}

export function isInStep(line: StockLine): boolean {
  return line.quantity === line.listedQuantity;
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
