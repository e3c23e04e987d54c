<?php
/**
 * What the extension does alike in OpenCart 3 and 4: checks settings, makes events of orders, publishes them.
 * For PHP 7.3 to 8.4. Knows no class of OpenCart; the controllers of each version give it plain values.
 */

require_once __DIR__ . '/meschain_publisher.php';

class MesChainShop
{
    /** Out of the box: OpenCart's status -> the product's word. Others are told as `created`, with their own name. */
    const STATUSES = [
        1 => 'awaiting', 2 => 'picking', 3 => 'shipped', 5 => 'delivered', 7 => 'cancelled', 8 => 'cancelled',
        9 => 'picking', 10 => 'cancelled', 11 => 'returned', 12 => 'returned', 13 => 'returned', 14 => 'cancelled',
        15 => 'picking',
    ];

    /** Where the administrator's browser has the cookie of a trusted device: 4.0 and 4.1 name it differently. */
    const DEVICE_COOKIES = ['authorize', 'admin_authorize'];

    /**
     * The settings of a form as they are stored.
     *
     * @param array  $form  module_meschain_url, _key (empty: as it was), _status, _orders
     * @param string $oldKey
     *
     * @return array the settings, and as second the names of the fields that are wrong
     */
    public static function settings(array $form, string $oldKey): array
    {
        $text = function (string $name) use ($form): string {
            return isset($form[$name]) && is_string($form[$name]) ? trim($form[$name]) : '';
        };
        $settings = [
            'module_meschain_url' => rtrim($text('module_meschain_url'), '/'),
            'module_meschain_key' => $text('module_meschain_key') === '' ? $oldKey : $text('module_meschain_key'),
            'module_meschain_status' => $text('module_meschain_status') === '1' ? 1 : 0,
            'module_meschain_orders' => $text('module_meschain_orders') === '1' ? 1 : 0,
        ];
        $wrong = [];
        if (!self::isAddress($settings['module_meschain_url'])) {
            $wrong[] = 'url';
        }
        $key = $settings['module_meschain_key'];
        if ($key === '' ? $settings['module_meschain_orders'] : !preg_match('/^mck_[0-9a-f]{16}_[\w-]{43}$/', $key)) {
            $wrong[] = 'key';
        }
        return [$settings, $wrong];
    }

    /** https, or http to this very machine: sessions and keys go over. */
    private static function isAddress(string $url): bool
    {
        $parts = parse_url($url);
        if ($parts === false || !isset($parts['scheme'], $parts['host']) || isset($parts['query'], $parts['user'])) {
            return false;
        }
        $isHere = in_array($parts['host'], ['localhost', '127.0.0.1', '[::1]'], true);
        return $parts['scheme'] === 'https' || ($parts['scheme'] === 'http' && $isHere);
    }

    /** The cookie of a trusted browser; empty: there is none. */
    public static function deviceToken(array $cookies): string
    {
        foreach (self::DEVICE_COOKIES as $name) {
            if (isset($cookies[$name]) && is_string($cookies[$name])) {
                return $cookies[$name];
            }
        }
        return '';
    }

    /**
     * The event of an order's state.
     *
     * @param array $order    as OpenCart's getOrder() gives it
     * @param array $products as getProducts() or getOrderProducts() gives them
     * @param int   $decimals of the order's currency
     *
     * @return array empty: it is no order yet, or it was voided, which is not one either
     */
    public static function orderEvent(array $order, array $products, int $decimals, int $voidStatus): array
    {
        $status = (int)$order['order_status_id'];
        if ($status === 0 || $status === $voidStatus) {
            return [];
        }
        $total = (float)$order['total'] * (float)$order['currency_value'];
        $items = 0;
        foreach ($products as $product) {
            $items += (int)$product['quantity'];
        }
        return [
            'kind' => 'order',
            'eventId' => 'order-' . (int)$order['order_id'] . '-' . $status . '-'
                . preg_replace('/\D/', '', (string)$order['date_modified']),
            'orderId' => (int)$order['order_id'],
            'customer' => self::cut(trim($order['firstname'] . ' ' . $order['lastname'])),
            'status' => self::STATUSES[$status] ?? 'created',
            'shopStatus' => self::cut(isset($order['order_status']) ? (string)$order['order_status'] : ''),
            'total' => number_format(round($total, $decimals), $decimals, '.', ''),
            'currency' => (string)$order['currency_code'],
            'currencyDecimals' => $decimals,
            'itemCount' => $items,
        ];
    }

    /** OpenCart escapes what was posted; the service takes 200 characters. */
    private static function cut(string $text): string
    {
        $plain = html_entity_decode($text, ENT_QUOTES, 'UTF-8');
        return preg_match('/^.{0,200}/us', $plain, $found) ? $found[0] : '';
    }
}
