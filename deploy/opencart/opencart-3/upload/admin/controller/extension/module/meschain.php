<?php
/**
 * MesChain-Sync in the administration of OpenCart 3.0.4: settings, a menu entry, and the way into the dashboards.
 */
class ControllerExtensionModuleMeschain extends Controller
{
    const ROUTE = 'extension/module/meschain';

    /** Code -> trigger and action. */
    const EVENTS = [
        'meschain_menu' => ['admin/view/common/column_left/before', self::ROUTE . '/menu'],
        'meschain_order' => ['catalog/model/checkout/order/addOrderHistory/after', self::ROUTE . '/order'],
    ];

    /** The page of settings, and its form. */
    public function index()
    {
        $this->load->language(self::ROUTE);
        $this->document->setTitle($this->language->get('heading_title'));
        $errors = $this->request->server['REQUEST_METHOD'] === 'POST' ? $this->save() : [];
        $form = $this->request->server['REQUEST_METHOD'] === 'POST' ? $this->request->post : [];
        $data['breadcrumbs'] = [
            ['text' => $this->language->get('text_home'), 'href' => $this->link('common/dashboard')],
            ['text' => $this->language->get('text_extension'), 'href' => $this->link('marketplace/extension', '&type=module')],
            ['text' => $this->language->get('heading_title'), 'href' => $this->link(self::ROUTE)],
        ];
        $data['action'] = $this->link(self::ROUTE);
        $data['open'] = $this->link(self::ROUTE . '/open');
        $data['cancel'] = $this->link('marketplace/extension', '&type=module');
        foreach (['url', 'status', 'orders'] as $name) {
            $name = 'module_meschain_' . $name;
            $data[$name] = isset($form[$name]) ? (string)$form[$name] : (string)$this->config->get($name);
        }
        $data['has_key'] = (string)$this->config->get('module_meschain_key') !== '';
        $data['error_url'] = isset($errors['url']) ? $errors['url'] : '';
        $data['error_key'] = isset($errors['key']) ? $errors['key'] : '';
        $data['error_warning'] = isset($errors['warning']) ? $errors['warning'] : '';
        if (isset($this->session->data['meschain_error'])) {
            $data['error_warning'] = $this->session->data['meschain_error'];
            unset($this->session->data['meschain_error']);
        }
        $data['header'] = $this->load->controller('common/header');
        $data['column_left'] = $this->load->controller('common/column_left');
        $data['footer'] = $this->load->controller('common/footer');
        $this->response->setOutput($this->load->view(self::ROUTE, $data));
    }

    /** Sends the administrator to the dashboards, logged in. */
    public function open()
    {
        $this->load->language(self::ROUTE);
        $address = '';
        try {
            $address = $this->signIn()->address();
        } catch (MesChainSignInFailed $error) {
            $this->session->data['meschain_error'] = $error->getMessage();
        }
        $this->response->redirect($address ?: $this->link(self::ROUTE));
    }

    /** A token for scripts in the administration, as JSON. */
    public function token()
    {
        $this->load->language(self::ROUTE);
        try {
            $json = $this->signIn()->token();
        } catch (MesChainSignInFailed $error) {
            $this->response->addHeader('HTTP/1.1 ' . ($error->getCode() === 0 ? '502 Bad Gateway' : '403 Forbidden'));
            $json = ['error' => $error->getMessage()];
        }
        $this->response->addHeader('Content-Type: application/json');
        $this->response->addHeader('Cache-Control: no-store');
        $this->response->setOutput(json_encode($json));
    }

    /** Event: adds the entry to the menu. */
    public function menu(&$route, &$data)
    {
        if (!$this->config->get('module_meschain_status') || !$this->user->hasPermission('access', self::ROUTE)) {
            return;
        }
        $this->load->language(self::ROUTE, 'meschain');
        $texts = $this->language->get('meschain');
        $data['menus'][] = [
            'id' => 'menu-meschain',
            'icon' => 'fa-dashboard',
            'name' => $texts->get('heading_title'),
            'href' => '',
            'children' => [
                ['name' => $texts->get('text_dashboards'), 'href' => $this->link(self::ROUTE . '/open'), 'children' => []],
                ['name' => $texts->get('text_settings'), 'href' => $this->link(self::ROUTE), 'children' => []],
            ],
        ];
    }

    /** Called by OpenCart. */
    public function install()
    {
        $this->uninstall();
        foreach (self::EVENTS as $code => $event) {
            $this->model_setting_event->addEvent($code, $event[0], $event[1]);
        }
    }

    /** Called by OpenCart. */
    public function uninstall()
    {
        $this->load->model('setting/event');
        foreach (array_keys(self::EVENTS) as $code) {
            $this->model_setting_event->deleteEventByCode($code);
        }
    }

    /** @return array texts by field; where there are none it does not return */
    private function save()
    {
        $this->library('meschain_shop');
        if (!$this->user->hasPermission('modify', self::ROUTE)) {
            return ['warning' => $this->language->get('error_permission')];
        }
        list($settings, $wrong) = MesChainShop::settings($this->request->post, (string)$this->config->get('module_meschain_key'));
        $errors = [];
        foreach ($wrong as $name) {
            $errors[$name] = $this->language->get('error_' . $name);
        }
        if (!$errors) {
            $this->load->model('setting/setting');
            $this->model_setting_setting->editSetting('module_meschain', $settings);
            $this->session->data['success'] = $this->language->get('text_success');
            $this->response->redirect($this->link('marketplace/extension', '&type=module'));
        }
        return $errors;
    }

    private function signIn()
    {
        $this->library('meschain_sign_in');
        if (!$this->user->hasPermission('access', self::ROUTE)) {
            throw new MesChainSignInFailed($this->language->get('error_permission'), 403);
        }
        if (!$this->config->get('module_meschain_status') || !$this->config->get('module_meschain_url')) {
            throw new MesChainSignInFailed($this->language->get('error_off'), 403);
        }
        return new MesChainSignIn(
            (string)$this->config->get('module_meschain_url'),
            $this->session->getId(),
            (string)$this->session->data['user_token']
        );
    }

    private function link($route, $more = '')
    {
        return $this->url->link($route, 'user_token=' . $this->session->data['user_token'] . $more, true);
    }

    private function library($name)
    {
        require_once DIR_SYSTEM . 'library/meschain/' . $name . '.php';
    }
}
